/** Acquires the lock on request, reports that, and waits to be killed. */
import { Lock } from 'shareable';

const lock = Lock.attach(process.argv[2] ?? '');
process.on('message', () => {
  lock.acquire();
  process.send?.('held');
});
process.send?.('ready');
