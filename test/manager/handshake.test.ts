/** Who gets in, and what those are told who do not. */
import { AuthenticationError, ManagerClosedError, SharedMemoryError, SharedMemoryManager } from 'shareable';
import { beforeAll, describe, expect, test } from 'vitest';

import { freshFolder } from './support/places.ts';
import { VERSION, Wire, answerTo, frame, impostor, join, mac, prove } from './support/wire.ts';

const KEY = new TextEncoder().encode('a secret of many bytes');
const LIST = frame(3);

describe('a server', () => {
  let manager: SharedMemoryManager;
  let address: string;

  beforeAll(async () => {
    manager = await SharedMemoryManager.start({ authkey: KEY });
    address = manager.address ?? '';
    return () => manager.shutdown();
  });

  test('accepts a member that proves it has the key, and proves the same', async () => {
    using wire = await Wire.to(address);
    const challenge = await wire.take(32);
    const proof = prove(KEY, address, challenge);
    wire.send(proof);
    expect(await wire.take(34)).toEqual(answerTo(KEY, address, challenge, proof));
    wire.send(LIST);
    expect(await wire.take(6)).toEqual(Buffer.from([2, 0, 0, 0, 131, 1]));
  });

  test('refuses a wrong key with AuthenticationError, and reveals only a nonce', async () => {
    await expect(SharedMemoryManager.connect(address, 'Secret')).rejects.toMatchObject({
      name: 'AuthenticationError',
      code: 'ERR_SHM_AUTH',
    });
    using wire = await Wire.to(address);
    const challenge = await wire.take(32);
    wire.send(prove(new TextEncoder().encode('Secret'), address, challenge));
    expect(await wire.rest()).toHaveLength(0);
  });

  test('gives every peer another nonce', async () => {
    const nonces = new Set<string>();
    for (let n = 0; n < 20; n++) {
      using wire = await Wire.to(address);
      nonces.add((await wire.take(32)).toString('hex'));
    }
    expect(nonces.size).toBe(20);
  });

  test('refuses a proof that was used before', async () => {
    using first = await Wire.to(address);
    const proof = prove(KEY, address, await first.take(32));
    first.send(proof);
    await first.take(34);
    using second = await Wire.to(address);
    await second.take(32);
    second.send(proof);
    expect(await second.rest()).toHaveLength(0);
  });

  test('refuses a proof for another address', async () => {
    using wire = await Wire.to(address);
    wire.send(prove(KEY, `${address}2`, await wire.take(32)));
    expect(await wire.rest()).toHaveLength(0);
  });

  test("refuses a server's words from a member", async () => {
    using wire = await Wire.to(address);
    const challenge = await wire.take(32);
    const nonce = Buffer.alloc(32, 7);
    const words = mac(KEY, { role: 'S', member: VERSION, server: 0, challenge, nonce, address });
    wire.send(Buffer.concat([Buffer.from([VERSION, 0]), nonce, words]));
    expect(await wire.rest()).toHaveLength(0);
  });

  test('tells its version only to a member with the key', async () => {
    using wire = await Wire.to(address);
    const challenge = await wire.take(32);
    const proof = prove(KEY, address, challenge, 99);
    wire.send(proof);
    expect(await wire.rest()).toEqual(answerTo(KEY, address, challenge, proof, VERSION));
    using client = await Wire.to(address);
    client.send(prove(new TextEncoder().encode('other'), address, await client.take(32), 99));
    expect(await client.rest()).toHaveLength(0);
  });

  test('can be reached over TCP, and proves its address there too', async () => {
    await using other = await SharedMemoryManager.start({ address: 'tcp://127.0.0.1:0', authkey: KEY });
    expect(other.address).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
    using wire = await join(other.address ?? '', KEY);
    wire.send(LIST);
    expect(await wire.take(6)).toEqual(Buffer.from([2, 0, 0, 0, 131, 1]));
    using member = await SharedMemoryManager.connect(other.address ?? '', KEY);
    expect(member.sharedMemory(10).size).toBe(10);
    await expect(SharedMemoryManager.connect(other.address ?? '', 'no secret of many bytes')).rejects.toThrow(
      AuthenticationError,
    );
  });
});

describe('a member', () => {
  test('refuses a server that does not prove it has the key', async () => {
    using folder = freshFolder();
    await using _server = await impostor(folder.socket, async (wire) => {
      wire.send(Buffer.alloc(32));
      await wire.take(66);
      wire.send(Buffer.alloc(34, 1));
    });
    await expect(SharedMemoryManager.connect(folder.socket, KEY)).rejects.toThrow(AuthenticationError);
  });

  test('is not fooled by its own proof sent back', async () => {
    using folder = freshFolder();
    await using _server = await impostor(folder.socket, async (wire) => {
      wire.send(Buffer.alloc(32));
      const proof = await wire.take(66);
      wire.send(Buffer.concat([proof.subarray(0, 2), proof.subarray(34)]));
    });
    await expect(SharedMemoryManager.connect(folder.socket, KEY)).rejects.toThrow(AuthenticationError);
  });

  test('distinguishes a server of another version from one with another key', async () => {
    using folder = freshFolder();
    await using _server = await impostor(folder.socket, async (wire) => {
      const challenge = Buffer.alloc(32, 5);
      wire.send(challenge);
      wire.send(answerTo(KEY, folder.socket, challenge, await wire.take(66), 42));
    });
    await expect(SharedMemoryManager.connect(folder.socket, KEY)).rejects.toMatchObject({
      code: 'ERR_SHM_VERSION',
      message: expect.stringContaining('version 42'),
    });
  });

  test.each([
    ['at once', () => Promise.resolve()],
    ['in the middle of its nonce', (wire: Wire) => Promise.resolve(wire.send(Buffer.alloc(10)))],
  ])('does not blame the key when the other end closes the connection %s', async (_, act) => {
    using folder = freshFolder();
    await using _server = await impostor(folder.socket, async (wire) => {
      await act(wire);
      wire.socket.end();
    });
    const connecting = SharedMemoryManager.connect(folder.socket, KEY);
    await expect(connecting).rejects.toThrow(ManagerClosedError);
    await expect(connecting).rejects.toThrow('closed the connection 3 times before the handshake was over');
  });

  test('reports that the manager has ended when it closes during the handshake and nothing listens any more', async () => {
    using folder = freshFolder();
    const server = await impostor(folder.socket, (wire) => {
      server.close();
      wire.socket.destroy();
      return Promise.resolve();
    });
    const connecting = SharedMemoryManager.connect(folder.socket, KEY);
    await expect(connecting).rejects.toThrow('no manager listens');
  });

  test('waits five seconds for a silent server', async () => {
    using folder = freshFolder();
    await using _server = await impostor(folder.socket, () => Promise.resolve());
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 100);
    const connecting = SharedMemoryManager.connect(folder.socket, KEY);
    await expect(connecting).rejects.toMatchObject({ name: SharedMemoryError.name, code: 'ETIMEDOUT' });
    clearInterval(counter);
    // The event loop went on meanwhile.
    expect(turns).toBeGreaterThan(10);
  });
});

describe('the reflection attack: a challenge relayed to a process that can answer it', () => {
  test('fails on a server when a member is tricked into answering its challenge', async () => {
    await using manager = await SharedMemoryManager.start({ authkey: KEY });
    const address = manager.address ?? '';
    using folder = freshFolder();
    let outcome: Buffer | undefined;
    // A man in the middle with an address of his own, who knows no key.
    await using _server = await impostor(folder.socket, async (victim) => {
      using target = await Wire.to(address);
      victim.send(await target.take(32));
      target.send(await victim.take(66));
      outcome = await target.rest();
      victim.socket.destroy();
    });
    await expect(SharedMemoryManager.connect(folder.socket, KEY)).rejects.toThrow(AuthenticationError);
    expect(outcome).toHaveLength(0);
  });

  test('fails on a member when another member is tricked into answering for the server', async () => {
    using folder = freshFolder();
    const proofs: Buffer[] = [];
    const { promise: both, resolve } = Promise.withResolvers<void>();
    // Each victim is given what the other has said: its nonce as a challenge would come too late, so its proof.
    await using _server = await impostor(folder.socket, async (wire) => {
      wire.send(Buffer.alloc(32, 9));
      const mine = proofs.push(await wire.take(66)) - 1;
      if (proofs.length === 2) resolve();
      await both;
      const other = proofs[1 - mine] ?? Buffer.alloc(66);
      wire.send(Buffer.concat([other.subarray(0, 2), other.subarray(34)]));
    });
    const victims = [1, 2].map(() => SharedMemoryManager.connect(folder.socket, KEY));
    for (const { status } of await Promise.allSettled(victims)) expect(status).toBe('rejected');
  });

  test("fails on a member whose nonce another member is given as the server's challenge", async () => {
    using folder = freshFolder();
    const { promise: nonce, resolve } = Promise.withResolvers<Buffer>();
    const { promise: reflected, resolve: reflect } = Promise.withResolvers<Buffer>();
    let count = 0;
    await using _server = await impostor(folder.socket, async (wire) => {
      count += 1;
      if (count === 1) {
        wire.send(Buffer.alloc(32, 9));
        resolve((await wire.take(66)).subarray(2, 34));
        wire.send(await reflected);
      } else {
        wire.send(await nonce);
        const proof = await wire.take(66);
        reflect(Buffer.concat([proof.subarray(0, 2), proof.subarray(34)]));
        wire.socket.destroy();
      }
    });
    const first = SharedMemoryManager.connect(folder.socket, KEY);
    await nonce;
    const second = SharedMemoryManager.connect(folder.socket, KEY);
    for (const outcome of await Promise.allSettled([first, second])) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SHM_AUTH' } });
    }
  });
});
