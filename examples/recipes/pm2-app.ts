/**
 * A program under pm2. With pm2 no process is the parent of the others that could own what is shared, and a reload starts a
 * new process before the old one ends. So the segment has a chosen name and no owner: `once` with `track: false`. It stays
 * until a process unlinks it, here `node pm2-app.ts remove` after `pm2 delete`.
 */
import { createServer } from 'node:http';

import { SegmentNotFoundError, SharedMemory } from 'shareable';

const NAME = process.env['TABLE'] ?? 'pm2-app-table-v1';

if (process.argv[2] === 'remove') {
  try {
    using table = SharedMemory.attach(NAME);
    table.unlink();
  } catch (error) {
    if (!(error instanceof SegmentNotFoundError)) throw error;
  }
} else {
  let isMaker = false;
  const table = await SharedMemory.once(
    NAME,
    (create) => {
      isMaker = true;
      create(1 << 20).buf.fill(7);
    },
    { track: false },
  );
  const server = createServer((_request, response) => response.end(`${table.buf[0]}`));
  server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  process.once('SIGINT', () => {
    server.close();
    table.close();
  });
  console.log(isMaker ? 'made the table' : 'found the table');
  process.send?.('ready'); // for pm2's wait_ready
}
