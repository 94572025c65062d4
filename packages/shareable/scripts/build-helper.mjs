// Builds the helper executable and puts it beside the addon.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const output = join(import.meta.dirname, '../native');

const version = execFileSync('rustc', ['-vV'], { encoding: 'utf8' });
const target = /^host: (.*)$/m.exec(version)?.[1];
if (target === undefined) throw new Error(`rustc does not say what it builds for:\n${version}`);

// Linked statically the helper starts faster and takes a third of the memory. The addon cannot be, so the flag must not
// reach it: with --target Cargo keeps the two apart.
const isStatic = target.includes('linux');
execFileSync(
  'cargo',
  [
    'build',
    '--profile=helper',
    '--locked',
    '--package=shareable-helper',
    `--target=${target}`,
    '--target-dir=target/helper',
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(isStatic ? { RUSTFLAGS: '-C target-feature=+crt-static' } : {}) },
  },
);

const name = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
mkdirSync(output, { recursive: true });
// Put in place by renaming: a running helper's file cannot be written to.
const fresh = join(output, `${name}.new`);
copyFileSync(join(root, 'target/helper', target, 'helper', name), fresh);
chmodSync(fresh, 0o755);
renameSync(fresh, join(output, name));
