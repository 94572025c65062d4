/**
 * An HTTP server that answers with the bytes of a segment, without a copy. Sending goes on after `res.end()` returns, so
 * the segment is closed in its callback and not at the end of the handler's scope.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { SharedMemory } from 'shareable';

const SIZE = 8 * 1024 * 1024;
using result = SharedMemory.create(SIZE);
result.buf.fill(7);

const server = createServer((_request, response) => {
  const shm = SharedMemory.attach(result.name); // not `using`: the scope ends too early
  response.end(shm.buf, () => shm.close());
}).listen(0, '127.0.0.1');
await once(server, 'listening');

const { port } = server.address() as AddressInfo;
const response = await fetch(`http://127.0.0.1:${port}/`);
const body = new Uint8Array(await response.arrayBuffer());
const whole = body.length === SIZE && body.every((byte) => byte === 7);
console.log(whole ? 'the whole segment arrived' : 'the response is not the segment');
server.close();
