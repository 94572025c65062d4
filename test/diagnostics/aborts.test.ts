/** A signal that is aborted after a call has checked it, by code of the program that runs within the call. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { Barrier, Channel, Lock, RwLock, Semaphore, SharedEvent, SharedValue, json } from 'shareable';
import { expect, test } from 'vitest';

/** The call must not wait as long as this. */
const timeout = 60_000;
const reason = new Error('enough');
const aborted = expect.objectContaining({ code: 'ABORT_ERR', cause: reason });

type Wait = (options: { signal: AbortSignal; timeout: number }) => Promise<unknown>;

test.each<[string, string, () => { wait: Wait } & Disposable]>([
  ['Lock.acquireAsync', 'lock', () => held(Lock.create(), (lock) => lock.acquire())],
  ['Semaphore.acquireAsync', 'primitive', () => held(Semaphore.create(1), (semaphore) => semaphore.acquire())],
  ['RwLock.writeAsync', 'primitive', () => held(RwLock.create(), (lock) => lock.read())],
  ['SharedEvent.waitAsync', 'primitive', () => bare(SharedEvent.create(), (event) => (o) => event.waitAsync(o))],
  ['Barrier.waitAsync', 'primitive', () => bare(Barrier.create(2), (barrier) => (o) => barrier.waitAsync(o))],
  ['SharedValue.changed', 'primitive', () => bare(SharedValue.create(1), (value) => (o) => value.changed(o))],
  ['Channel.receiveAsync', 'channel', () => bare(Channel.create(), (channel) => (o) => channel.receiveAsync(o))],
])('%s ends when a subscriber of its wait aborts the signal', async (_, kind, open) => {
  using subject = open();
  const controller = new AbortController();
  const abort = () => controller.abort(reason);
  subscribe(`shareable:${kind}:wait`, abort);
  try {
    await expect(subject.wait({ signal: controller.signal, timeout })).rejects.toThrow(aborted);
  } finally {
    unsubscribe(`shareable:${kind}:wait`, abort);
  }
});

test('Channel.sendAsync ends when the value that it encodes aborts the signal', async () => {
  using channel = Channel.create<unknown & {}>({ capacity: 4096, codec: json() });
  while (channel.trySend(1));
  const controller = new AbortController();
  const value = { toJSON: () => controller.abort(reason) ?? 2 };
  await expect(channel.sendAsync(value, { signal: controller.signal, timeout })).rejects.toThrow(aborted);
});

function bare<T extends Disposable>(subject: T, wait: (subject: T) => Wait): { wait: Wait } & Disposable {
  return { wait: wait(subject), [Symbol.dispose]: () => subject[Symbol.dispose]() };
}

/** Something that is held, so that another one has to wait. */
function held<T extends Lock | Semaphore | RwLock>(
  subject: T,
  take: (subject: T) => { release(): void },
): { wait: Wait } & Disposable {
  const guard = take(subject);
  return {
    wait: (options) => (subject instanceof RwLock ? subject.writeAsync(options) : subject.acquireAsync(options)),
    [Symbol.dispose]() {
      guard.release();
      subject[Symbol.dispose]();
    },
  };
}
