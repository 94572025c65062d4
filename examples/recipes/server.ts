/**
 * A server that removes its segment however it ends. `using` covers the end of a block and exceptions. It does not cover
 * `process.exit()`, which the event `exit` covers, nor signals, which end a process at once unless it listens to them.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { SharedMemory } from 'shareable';

const shm = SharedMemory.create(1 << 20);
// At the end of the program, by process.exit(), and after an uncaught error.
process.on('exit', () => shm[Symbol.dispose]());

const server = createServer((request, response) => {
  if (request.url === '/exit') process.exit(3);
  response.end(`${shm.buf[0]}\n`);
});

// Ctrl-C, and what a container, systemd or pm2 sends. `once`: a second Ctrl-C ends the program at once.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.log(`closing after ${signal}`);
    server.close();
    server.closeAllConnections();
  });
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`${shm.name} at ${(server.address() as AddressInfo).port}`);
// When the server is closed, nothing keeps the program alive, and it ends.
