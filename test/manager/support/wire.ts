/** The manager's protocol, written from its documentation and independent of the code under test. */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export const VERSION = 1;
const LABEL = 'shareable manager handshake\0';

/** The input of a proof. */
export interface Transcript {
  role: 'M' | 'S';
  member: number;
  server: number;
  challenge: Buffer;
  nonce: Buffer;
  address: string;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function mac(key: Uint8Array, { role, member, server, challenge, nonce, address }: Transcript): Buffer {
  const parts = [Buffer.from(LABEL + role), uint16(member), uint16(server), challenge, nonce, Buffer.from(address)];
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}

/** Makes a member's proof. */
export function prove(key: Uint8Array, address: string, challenge: Buffer, version = VERSION): Buffer {
  const nonce = randomBytes(32);
  const transcript = { role: 'M', member: version, server: 0, challenge, nonce, address } as const;
  return Buffer.concat([uint16(version), nonce, mac(key, transcript)]);
}

/** Makes a server's answer to a proof, for some version. */
export function answerTo(
  key: Uint8Array,
  address: string,
  challenge: Buffer,
  proof: Buffer,
  version = VERSION,
): Buffer {
  const nonce = proof.subarray(2, 34);
  const member = proof.readUInt16LE();
  return Buffer.concat([uint16(version), mac(key, { role: 'S', member, server: version, challenge, nonce, address })]);
}

/** Makes a frame of a member. */
export function frame(kind: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32LE(body.length + 1);
  bytes.writeUInt8(kind, 4);
  return Buffer.concat([bytes, body]);
}

/** Makes a member's registration of a segment. */
export function register(name: string, { device, inode }: { device: bigint; inode: bigint }): Buffer {
  const text = Buffer.from(name);
  const body = Buffer.alloc(27);
  body.writeUInt8(1);
  body.writeBigUInt64LE(device, 1);
  body.writeBigUInt64LE(inode, 9);
  body.writeBigUInt64LE(1n, 17);
  body.writeUInt16LE(text.length, 25);
  const inner = Buffer.concat([body, text]);
  return frame(2, Buffer.concat([uint16(inner.length), inner]));
}

/** A connection that collects what it receives. */
export class Wire implements Disposable {
  readonly socket: Socket;
  received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #hasEnded = false;
  /** Resolves at its end, clean or by a reset. */
  readonly #end: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => (this.received = Buffer.concat([this.received, piece])));
    socket.on('error', () => {});
    this.#end = new Promise((resolve) => {
      socket.once('close', () => {
        this.#hasEnded = true;
        resolve();
      });
    });
  }

  static async to(address: string): Promise<Wire> {
    const tcp = /^tcp:\/\/(.*):(\d+)$/.exec(address);
    const socket = tcp === null ? connect(address) : connect(Number(tcp[2]), tcp[1]);
    const wire = new Wire(socket);
    await once(socket, 'connect');
    return wire;
  }

  /** Takes that number of bytes as soon as they have arrived. */
  async take(count: number): Promise<Buffer> {
    while (this.received.length < count) {
      if (this.#hasEnded) throw new Error(`the other end closed after ${this.received.length} bytes of ${count}`);
      await Promise.race([new Promise((resolve) => this.socket.once('data', resolve)), this.#end]);
    }
    const bytes = this.received.subarray(0, count);
    this.received = this.received.subarray(count);
    return bytes;
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Returns everything received until the other end closes. */
  async rest(): Promise<Buffer> {
    await this.#end;
    return this.received;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Connects and authenticates as a member. */
export async function join(address: string, key: Uint8Array): Promise<Wire> {
  const wire = await Wire.to(address);
  const challenge = await wire.take(32);
  wire.send(prove(key, address, challenge));
  await wire.take(34);
  return wire;
}

/** Listens at a path with a given handler. */
export async function impostor(path: string, handle: (wire: Wire) => Promise<void>): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => void handle(new Wire(socket)).catch(() => socket.destroy()));
  server.listen(path);
  await once(server, 'listening');
  return server;
}
