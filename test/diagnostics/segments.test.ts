/** What is published about segments, lists, arrays, locks, channels and managers. */
import {
  Channel,
  LayoutError,
  Lock,
  SegmentExistsError,
  ShareableList,
  SharedArray,
  SharedMemory,
  SharedMemoryManager,
} from 'shareable';
import { describe, expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { freshName } from '../support/segments.ts';
import { record } from './support.ts';

const SEGMENTS = ['shareable:create', 'shareable:attach', 'shareable:close', 'shareable:unlink'] as const;

interface Openable extends Disposable {
  readonly name: string;
  close(): void;
  unlink(): void;
}

const classes: {
  kind: string;
  size: number;
  create: (options?: { track?: boolean }) => Openable;
  attach: (name: string) => Openable;
}[] = [
  {
    kind: 'SharedMemory',
    size: 100,
    create: (options) => SharedMemory.create(100, options),
    attach: (name) => SharedMemory.attach(name),
  },
  {
    kind: 'ShareableList',
    size: 66,
    create: (options) => ShareableList.create([1, 2], options) as unknown as Openable,
    attach: (name) => ShareableList.attach(name) as unknown as Openable,
  },
  {
    kind: 'SharedArray',
    size: 152,
    create: (options) => SharedArray.create([3], 'float64', options) as unknown as Openable,
    attach: (name) => SharedArray.attach(name) as unknown as Openable,
  },
  {
    kind: 'Lock',
    size: expect.any(Number) as number,
    create: (options) => Lock.create(options),
    attach: (name) => Lock.attach(name),
  },
  {
    kind: 'Channel',
    size: expect.any(Number) as number,
    create: (options) => Channel.create(options),
    attach: (name) => Channel.attach(name),
  },
];

describe.each(classes)('$kind', ({ kind, size, create, attach }) => {
  test('publishes its creation, attachments, closes and the end of its name, each once', () => {
    const published = record(...SEGMENTS);
    const owner = create();
    const { name } = owner;
    const other = attach(name);
    other.close();
    other.close();
    owner[Symbol.dispose]();
    owner[Symbol.dispose]();
    const events = published.map(([channel, message]) => [channel, message]);
    expect(events.slice(0, 3)).toEqual([
      ['shareable:create', { kind, name, size, isOwner: true }],
      ['shareable:attach', { kind, name, size, isReadOnly: false }],
      ['shareable:close', { kind, name }],
    ]);
    expect(events.slice(3)).toHaveLength(2);
    expect(events.slice(3)).toEqual(
      expect.arrayContaining([
        ['shareable:close', { kind, name }],
        ['shareable:unlink', { kind, name }],
      ]),
    );
  });

  test('publishes unlink() once, also when the owner is disposed of afterwards', () => {
    const published = record('shareable:unlink');
    const owner = create();
    owner.unlink();
    owner[Symbol.dispose]();
    expect(published).toEqual([['shareable:unlink', { kind, name: owner.name }]]);
  });

  test('says that an untracked segment has no owner, and publishes no unlink when it is only closed', () => {
    const published = record(...SEGMENTS);
    const made = create({ track: false });
    made[Symbol.dispose]();
    const { name } = made;
    expect(published).toEqual([
      ['shareable:create', { kind, name, size, isOwner: false }],
      ['shareable:close', { kind, name }],
    ]);
    attach(name).unlink();
  });
});

describe('createOrAttach', () => {
  test.each([
    ['SharedMemory', (name: string) => SharedMemory.createOrAttach(name, 64, { track: false })],
    ['ShareableList', (name: string) => ShareableList.createOrAttach(name, [1], { track: false })],
    ['SharedArray', (name: string) => SharedArray.createOrAttach(name, [1], 'int8', { track: false })],
    ['Lock', (name: string) => Lock.createOrAttach(name, { track: false })],
    ['Channel', (name: string) => Channel.createOrAttach(name, { track: false })],
  ] as const)('publishes which of the two it did, also without an owner: %s', (kind, open) => {
    const published = record('shareable:create', 'shareable:attach');
    const name = freshName();
    using first = open(name);
    try {
      using second = open(name);
      expect(second.name).toBe(name);
      expect(published.map(([channel, message]) => [channel, message])).toMatchObject([
        ['shareable:create', { kind, name, isOwner: false }],
        ['shareable:attach', { kind, name }],
      ]);
    } finally {
      first.unlink();
    }
  });
});

test.skipIf(!platform.hasReadOnly)('a read-only attachment says so', () => {
  using shm = SharedMemory.create(64);
  const published = record('shareable:attach');
  using _view = SharedMemory.attach(shm.name, { readOnly: true });
  expect(published).toEqual([
    ['shareable:attach', { kind: 'SharedMemory', name: shm.name, size: 64, isReadOnly: true }],
  ]);
});

// Elsewhere once also publishes the segment that is filled, and copied.
test.skipIf(!platform.namesWhenComplete)(
  'once and createAsync publish what they create, and the next once an attachment',
  async () => {
    const published = record(...SEGMENTS);
    const name = freshName();
    using made = await SharedMemory.once(name, (create) => void create(32));
    using joined = await SharedMemory.once(name, () => {});
    using later = await SharedMemory.createAsync(48);
    const kind = 'SharedMemory';
    expect([made.size, joined.size]).toEqual([32, 32]);
    expect(published).toEqual([
      ['shareable:create', { kind, name, size: 32, isOwner: true }],
      ['shareable:attach', { kind, name, size: 32, isReadOnly: false }],
      ['shareable:create', { kind, name: later.name, size: 48, isOwner: true }],
    ]);
  },
);

test('a creation that fails publishes nothing', () => {
  using shm = SharedMemory.create(1, { name: freshName() });
  const published = record(...SEGMENTS);
  expect(() => SharedMemory.create(1, { name: shm.name })).toThrow(SegmentExistsError);
  expect(() => Lock.attach(shm.name)).toThrow(LayoutError);
  expect(published).toEqual([]);
});

test.skipIf(!platform.hasServers)('managers publish their start, connections and end once each', async () => {
  const published = record(
    'shareable:manager:start',
    'shareable:manager:connect',
    'shareable:manager:shutdown',
    'shareable:create',
  );
  const alone = new SharedMemoryManager();
  alone[Symbol.dispose]();
  const manager = await SharedMemoryManager.start();
  const { address } = manager;
  const member = await SharedMemoryManager.connect(address as string, manager.authkey as Uint8Array);
  const segment = member.sharedMemory(8);
  await member.shutdown();
  await manager.shutdown();
  await manager.shutdown();
  segment.close();
  expect(published).toEqual([
    ['shareable:manager:start', { address: null, role: 'alone' }],
    ['shareable:manager:shutdown', { address: null, role: 'alone' }],
    ['shareable:manager:start', { address, role: 'starter' }],
    ['shareable:manager:connect', { address, role: 'member' }],
    ['shareable:create', { kind: 'SharedMemory', name: segment.name, size: 8, isOwner: false }],
    ['shareable:manager:shutdown', { address, role: 'member' }],
    ['shareable:manager:shutdown', { address, role: 'starter' }],
  ]);
});

describe('an attachment that fails', () => {
  test.each(['ShareableList', 'Lock', 'Channel'])('publishes nothing: %s', (kind) => {
    using other = SharedMemory.create(8192);
    other.buf.fill(0xff);
    const published = record(...SEGMENTS);
    expect(() => classes.find((each) => each.kind === kind)?.attach(other.name)).toThrow(LayoutError);
    expect(published).toEqual([]);
  });

  test('publishes that a segment without an array was opened and closed', () => {
    using other = SharedMemory.create(8192);
    other.buf.fill(0xff);
    const published = record(...SEGMENTS);
    expect(() => SharedArray.attach(other.name)).toThrow(LayoutError);
    const about = { kind: 'SharedArray', name: other.name };
    expect(published).toEqual([
      ['shareable:attach', { ...about, size: 8192, isReadOnly: false }],
      ['shareable:close', about],
    ]);
  });
});
