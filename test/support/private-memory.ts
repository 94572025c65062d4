/** A process in a mount namespace with a /dev/shm of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import type { Child } from './child.ts';
import { forkFixture } from './fork-fixture.ts';

const script = fileURLToPath(new URL('private-memory.sh', import.meta.url));
const unshare = ['unshare', process.getuid?.() === 0 ? '-m' : '-Urm'];

/** Whether this user can create one here. */
export const canHavePrivateMemory: boolean =
  process.platform === 'linux' &&
  spawnSync(unshare[0] as string, [...unshare.slice(1), 'sh', script, 'size=1m', 'true']).status === 0;

/**
 * The command to run Node by, over a tmpfs with these mount options, or, by one word: over a `folder`, over a `ramfs`, or with
 * /dev/shm `absent`.
 */
export function privately(mount: string): string[] {
  return [...unshare, 'sh', script, mount];
}

/** Forks `cli/private.ts` over what {@link privately} mounts, by a further command if one is given. */
export function forkPrivately(mount = 'size=1g', through: string[] = []): Child {
  return forkFixture('cli/private.ts', { through: [...privately(mount), ...through] });
}
