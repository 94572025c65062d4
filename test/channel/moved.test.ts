/** Memory of the ring that the program moves away, as `transfer()` and byte streams do: the channel goes on. */
import type { Codec } from 'shareable';
import { Channel, SegmentClosedError, bytes } from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';

/** Newer than Node 20. */
const canTransfer = 'transfer' in ArrayBuffer.prototype;

function move(view: Uint8Array): Uint8Array {
  return new Uint8Array((view.buffer as ArrayBuffer).transfer());
}

/** The message 1, 2, …, of that length. */
function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i + 1);
}

describe.runIf(canTransfer)('a channel whose memory the program moves away (where buffers can be moved)', () => {
  test('sends a reservation that a byte stream has filled, and the next message', async () => {
    using channel = Channel.create({ codec: bytes, capacity: 4096 });
    using other = Channel.attach(channel);
    {
      using reservation = channel.reserve(64);
      const reader = new Blob([numbered(64)]).stream().getReader({ mode: 'byob' });
      await reader.read(reservation.bytes as Uint8Array<ArrayBuffer>);
      expect(reservation.bytes).toHaveLength(64);
      reservation.commit();
    }
    channel.send(numbered(3));
    expect([other.receive(), other.receive()]).toEqual([numbered(64), numbered(3)]);
  });

  test('shows, decodes and gives back a message that was moved', () => {
    using channel = Channel.create({ codec: bytes, capacity: 4096 });
    channel.send(numbered(8));
    {
      using message = channel.read();
      move(message!.bytes);
      expect(message!.bytes).toEqual(numbered(8));
      move(message!.bytes);
      expect(message!.value).toEqual(numbered(8));
      message!.giveBack();
    }
    using again = channel.read();
    expect(again!.bytes).toEqual(numbered(8));
  });

  test('drains on after its memory was moved', () => {
    using channel = Channel.create({ codec: bytes, capacity: 4096 });
    channel.trySendMany([numbered(1), numbered(2), numbered(3)]);
    const drained: Uint8Array[] = [];
    channel.drain((all, start, length) => drained.push(move(all).slice(start, start + length)));
    expect(drained).toEqual([numbered(1), numbered(2), numbered(3)]);
    channel.send(numbered(4));
    expect(channel.receive()).toEqual(numbered(4));
  });

  test('takes what a codec has written to moved memory, and reads on after a codec that decodes in place', () => {
    const codec: Codec<number> = {
      id: 300,
      inPlace: true,
      encode(value, reserve) {
        const room = reserve(1);
        const { start } = room;
        move(room.bytes)[start] = value;
        return 1;
      },
      decode(from) {
        const at = from.byteOffset;
        return move(from)[at] as number;
      },
    };
    using channel = Channel.create({ codec, capacity: 4096 });
    channel.send(7);
    channel.trySendMany([8, 9]);
    expect([channel.receive(), ...channel.receiveMany(2)]).toEqual([7, 8, 9]);
  });

  test.skipIf(!platform.hasZerosAfterClose)('reads as zeros after close, through moved memory too', () => {
    using other = Channel.create({ codec: bytes, capacity: 4096 });
    const channel = Channel.attach<Uint8Array>(other);
    const reservation = channel.reserve(8);
    const moved = move(reservation.bytes);
    const kept = reservation.bytes.fill(5);
    channel.close();
    expect([moved.every((byte) => byte === 0), kept.length, reservation.bytes.length]).toEqual([true, 0, 0]);
    other.send(numbered(2));
    expect(other.receive()).toEqual(numbered(2));
  });
});

test('a message in place whose channel was closed has no bytes and no value', () => {
  using other = Channel.create({ codec: bytes, capacity: 4096 });
  using channel = Channel.attach<Uint8Array>(other);
  other.send(numbered(300));
  using message = channel.read();
  channel.close();
  expect(message!.bytes).toHaveLength(0);
  expect(() => message!.value).toFailWith(SegmentClosedError, 'ERR_SHM_CLOSED');
});
