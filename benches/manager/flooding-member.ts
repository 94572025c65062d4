/** A member that sends registrations as fast as the server reads them, for `flood.ts`. */
import { randomUUID } from 'node:crypto';
import { statSync, unlinkSync, writeFileSync } from 'node:fs';

import { join, register } from '../../test/manager/support/wire.ts';

const [address = '', key = '', what = '', kept = ''] = process.argv.slice(2);
/** Registrations per write. */
const BATCH = 500;

const name = what === 'kept' ? kept : `flood_${randomUUID()}`;
if (what === 'empty') writeFileSync(`/dev/shm/${name}`, '', { mode: 0o600, flag: 'wx' });
const found = what === 'missing' ? { dev: 1n, ino: 1n } : statSync(`/dev/shm/${name}`, { bigint: true });
const requests = Buffer.concat(
  Array.from({ length: BATCH }, () => register(name, { device: found.dev, inode: found.ino })),
);

const wire = await join(address, Buffer.from(key, 'hex'));
let answered = 0;
let rest = Buffer.alloc(0);
wire.socket.removeAllListeners('data');
wire.socket.on('data', (piece: Buffer) => {
  if (answered === 0) process.send?.('flooding');
  rest = Buffer.concat([rest, piece]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
    rest = rest.subarray(4 + rest.readUInt32LE());
    answered += 1;
  }
});

let isOver = false;
process.on('message', () => {
  isOver = true;
  if (what === 'empty') unlinkSync(`/dev/shm/${name}`);
  process.send?.(answered);
});

function flood(): void {
  if (isOver) return;
  if (wire.socket.write(requests)) setImmediate(flood);
  else wire.socket.once('drain', flood);
}
flood();
