/** What all primitives have in common: the command line, managers, diagnostics, and handles. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import {
  Barrier,
  Condition,
  ManagerClosedError,
  RwLock,
  Semaphore,
  SharedEvent,
  SharedMemoryManager,
  SharedValue,
  json,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { shareable, shareableJson } from '../support/cli.ts';
import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';

const classes = { Barrier, Condition, RwLock, Semaphore, SharedEvent, SharedValue };

const makers = {
  SharedValue: (name: string) => SharedValue.create(1, { name }),
  Semaphore: (name: string) => Semaphore.create(2, { name }),
  SharedEvent: (name: string) => SharedEvent.create({ name }),
  RwLock: (name: string) => RwLock.create({ name }),
  Barrier: (name: string) => Barrier.create(2, { name }),
  Condition: (name: string) => Condition.create({ name }),
};

const names = Object.keys(makers) as (keyof typeof makers)[];

describe.each(names)('%s', (type) => {
  const name = freshName();

  test('is unlinked by its owner only, and by name it is gone then', async () => {
    {
      await using made = makers[type](name);
      expect([made.type, made.name, made.closed]).toEqual([type, name, false]);
      expect(() => makers[type](name)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
      classes[type].attach(name)[Symbol.dispose]();
      classes[type].attach(made.toJSON() as never).close();
    }
    expect(() => classes[type].attach(name)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('takes no unknown options, no wrong handles, and no new', () => {
    const Class = classes[type] as unknown as new () => unknown;
    expect(() => new Class()).toThrow(TypeError);
    expect(() => classes[type].attach({ type: 'Lock', name: 'x' } as never)).toThrow(TypeError);
    expect(() => classes[type].attach('x', { readOnly: true } as never)).toThrow(TypeError);
    using made = makers[type](name);
    expect(() => Object.assign(made, { extra: 1 })).toThrow(TypeError);
  });

  test('publishes its creation, attachment and end for tools that observe', () => {
    const seen: unknown[] = [];
    const note = (message: unknown, channel: string | symbol): void =>
      void seen.push([channel, (message as { kind: string }).kind, (message as { name: string }).name]);
    const channels = ['shareable:create', 'shareable:attach', 'shareable:close', 'shareable:unlink'];
    for (const channel of channels) subscribe(channel, note);
    const made = makers[type](name);
    classes[type].attach(name).close();
    made[Symbol.dispose]();
    for (const channel of channels) unsubscribe(channel, note);
    expect(seen).toEqual(
      ['create', 'attach', 'close', 'close', 'unlink'].map((what) => [`shareable:${what}`, type, name]),
    );
  });
});

describe.skipIf(!platform.listsSegments)('shareable ls and inspect', () => {
  test('show the state of each', async () => {
    using value = SharedValue.create({ a: 1 }, { codec: json(), capacity: 1000 });
    value.set({ a: 2 });
    using semaphore = Semaphore.create(3);
    using _permit = semaphore.acquire();
    using event = SharedEvent.create();
    event.set();
    using rwLock = RwLock.create();
    using _guard = rwLock.write();
    using barrier = Barrier.create(4);
    barrier.abort();
    using condition = Condition.create();
    const expected = [
      [value, 'value', 'version 2, codec json, at most 1000 bytes', { version: 2, codec: 'json', capacity: 1000 }],
      [semaphore, 'semaphore', '1 of 3 permits held', { taken: 1, limit: 3, waiting: 0 }],
      [event, 'event', 'set', { isSet: true, codec: null }],
      [rwLock, 'rwlock', 'written', { isWriting: true }],
      [barrier, 'barrier', 'broken', { isBroken: true, limit: 4 }],
      [condition, 'condition', 'ready', { waiting: 0 }],
    ] as const;
    for (const [made, kind, state, primitive] of expected) {
      const { stdout } = await shareable(['inspect', made.name]);
      expect(stdout).toMatch(new RegExp(`kind +${kind}\nstate +${state}\nwaiting +0 participants\n`));
      const answer = await shareableJson<object>(['inspect', made.name]);
      expect(answer).toMatchObject({ segment: { kind }, primitive, bytes: null, layoutError: null });
    }
    if (!platform.hasShmFolder) return;
    const { stdout } = await shareable(['ls']);
    for (const [made, kind] of expected) expect(stdout).toMatch(new RegExp(`${made.name} +${kind} `));
  });
});

test('a manager creates all of them, and unlinks them at its end', () => {
  const manager = new SharedMemoryManager();
  const made = [
    manager.sharedValue({ a: 1 }, { capacity: 500 }),
    manager.semaphore(2),
    manager.sharedEvent(),
    manager.rwLock({ readers: 3 }),
    manager.barrier(2),
    manager.condition(),
  ];
  expect(manager.list().toSorted()).toEqual(made.map(({ name }) => name).toSorted());
  for (const one of made) one[Symbol.dispose]();
  expect(manager.list()).toHaveLength(made.length);
  manager[Symbol.dispose]();
  for (const { type, name } of made) {
    expect(() => classes[type].attach(name)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  }
  expect(() => manager.semaphore(1)).toThrow(ManagerClosedError);
});
