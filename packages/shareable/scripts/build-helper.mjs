// Builds the helper executable and puts it beside the addon.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const output = join(import.meta.dirname, '../native');

const version = execFileSync('rustc', ['-vV'], { encoding: 'utf8' });
const target = /^host: (.*)$/m.exec(version)?.[1];
if (target === undefined) throw new Error(`rustc does not name its host:\n${version}`);

const flags = [];
if (target.endsWith('linux-gnu')) {
  // The C library is shared, because its pages are in memory anyway. The unwinder is static: it costs nothing until a panic,
  // while a library would be loaded at every start.
  const folder = join(root, 'target/helper/link');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'libgcc_s.so'), 'INPUT(-lgcc_eh -lgcc -lc)\n');
  flags.push('-C relocation-model=static', `-L native=${folder}`);
}

// With --target and a folder of its own, so that the flags do not reach the addon.
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
    env: { ...process.env, RUSTFLAGS: [process.env.RUSTFLAGS, ...flags].filter(Boolean).join(' ') },
  },
);

const name = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
mkdirSync(output, { recursive: true });
// Put in place by renaming: a running helper's file cannot be written to.
const fresh = join(output, `${name}.new`);
copyFileSync(join(root, 'target/helper', target, 'helper', name), fresh);
chmodSync(fresh, 0o755);
renameSync(fresh, join(output, name));
