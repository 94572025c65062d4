/**
 * A /dev/shm of one's own. Any process of this user that starts a tracker sweeps, and would remove what a fault command
 * is about to find.
 */
import { spawnSync } from 'node:child_process';

const MARK = 'SHAREABLE_FAULTS_PRIVATE';
const UNSHARE = ['unshare', process.getuid?.() === 0 ? '-m' : '-Urm', 'sh', '-c'];
const MOUNT = 'mount -t tmpfs -o size=2g tmpfs /dev/shm && exec "$@"';

/** Runs this very command again in a mount namespace of its own, and ends with it; goes on where that cannot be had. */
export function runPrivately(): void {
  if (process.env[MARK] !== undefined) return;
  const run = (command: string[], stdio: 'inherit' | 'ignore') =>
    spawnSync(UNSHARE[0] ?? '', [...UNSHARE.slice(1), MOUNT, 'sh', ...command], {
      stdio,
      env: { ...process.env, [MARK]: '1' },
    });
  if (run(['true'], 'ignore').status !== 0) {
    console.log('no mount namespace can be had here: other processes may sweep what this command looks for');
    return;
  }
  const { status } = run([process.execPath, ...process.execArgv, ...process.argv.slice(1)], 'inherit');
  process.exit(status ?? 1);
}
