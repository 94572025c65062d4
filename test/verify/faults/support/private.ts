/**
 * Provides a private /dev/shm. Otherwise any process of this user that starts a tracker would sweep, and remove what a fault
 * command looks for.
 */
import { spawnSync } from 'node:child_process';

const MARK = 'SHAREABLE_FAULTS_PRIVATE';
const UNSHARE = ['unshare', process.getuid?.() === 0 ? '-m' : '-Urm', 'sh', '-c'];
const MOUNT = 'mount -t tmpfs -o size=2g tmpfs /dev/shm && exec "$@"';

/** Runs this command again in a mount namespace of its own, and exits with its code. Continues where that is impossible. */
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
