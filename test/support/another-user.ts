/** Runs a program of this repository as another user, which needs root. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Finds the topmost folder above the repository that other users cannot enter. */
function findWall(): string | undefined {
  const above: string[] = [];
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) above.unshift(folder);
  return above.find((folder) => (statSync(folder).mode & 0o001) === 0);
}

/**
 * Puts the repository where it is, but with an open way to it, in a mount namespace of the process's own: an empty folder
 * hides the wall, and the repository is mounted into it at its old path.
 */
const tunnel = `set -e
repository=$1 wall=$2
shift 2
door=$(mktemp -d)
mount --bind "$repository" "$door"
mount -t tmpfs -o mode=755 none "$wall"
mkdir -p "$repository"
mount --move "$door" "$repository"
rmdir "$door"
exec "$@"`;

function isTunnelPossible(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const wall = findWall();

/** Whether {@link asUser} can work here; tests that need it are reported as skipped where it cannot. */
export const canBeAnotherUser: boolean =
  process.platform === 'linux' && process.geteuid?.() === 0 && (wall === undefined || isTunnelPossible());

/** Returns the command that runs Node as the user with that number. */
export function asUser(uid: number): string[] {
  const become = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return wall === undefined ? become : ['unshare', '--mount', 'sh', '-c', tunnel, 'sh', root, wall, ...become];
}
