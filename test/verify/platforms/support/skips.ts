/** Which files of the suite a platform cannot run, and why. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../../../../scripts/targets/commands.ts';
import type { Target } from '../../../../scripts/targets/targets.ts';
import type { Skip } from './report.ts';
import { skippedInMusl } from './skips-musl.ts';

/** What a test file says that only Linux has, and what that is. */
const LINUX_ONLY: [pattern: RegExp, reason: string][] = [
  [
    /import \{[^}]*\b(?:SHM|exists|pathOf|bytesOf)\b[^}]*\} from '\.\.\/helpers\/segments\.ts'/,
    'looks at segments as files of /dev/shm',
  ],
  [/\/proc\b|\/dev\/shm/, 'looks at processes or segments as Linux shows them'],
  [/pythons|helpers\/python\.ts/, "compares with CPython's segments, which are files of /dev/shm here"],
  [/private-memory\.ts|another-user\.ts/, 'takes namespaces and users of Linux'],
  [/readOnly/, 'attaches read-only, which this system cannot grant'],
];

function linuxOnly(): (Skip & { file: string })[] {
  return globSync('test/**/*.test.ts', { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const reason = LINUX_ONLY.find(([pattern]) => pattern.test(text))?.[1];
    return reason === undefined ? [] : [{ file: file.replaceAll('\\', '/'), reason }];
  });
}

/** The files that a target's run leaves out. */
export function skipsOf(target: Target): (Skip & { file: string })[] {
  if (target.os !== 'linux') return linuxOnly();
  if (target.libc !== 'musl') return [];
  return skippedInMusl.flatMap((skip) => (skip.file === undefined ? [] : [{ ...skip, file: skip.file }]));
}
