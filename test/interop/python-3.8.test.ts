/** CPython 3.8 wrote the lengths of the slots where later versions write N + 1 offsets: another layout, told apart. */
import { LayoutError, ShareableList, SharedMemory } from 'shareable';
import { describe, expect, test } from 'vitest';

import { float64, int64, listBytes } from '../support/list-bytes.ts';
import { freshName } from '../support/segments.ts';
import { pythons, sharePeer } from './support/pythons.ts';

const old = pythons.filter(({ minor }) => minor === 8);

test('bytes in the layout of 3.8 are refused', () => {
  const bytes = listBytes({
    offsets: [8, 8],
    data: Buffer.concat([int64(1), float64(1.5)]),
    formats: ['q', 'd'],
    codes: [0, 0],
  });
  using shm = SharedMemory.create(bytes.length);
  shm.buf.set(bytes);
  expect(() => ShareableList.attach(shm.name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT', '3.8');
});

describe.each(old)('a list of Python $version', (python) => {
  const peer = sharePeer(python);

  test.each([
    [
      'of integers',
      [
        ['int', '1'],
        ['int', '2'],
      ],
    ],
    ['of one text', [['plain', 'text']]],
    [
      'of text and numbers',
      [
        ['plain', 'a longer text'],
        ['int', '1'],
        ['float', '0.5'],
      ],
    ],
    ['of many', Array.from({ length: 100 }, () => ['plain', true])],
    ['of nothing', []],
  ])('%s is refused', async (_, values) => {
    const name = freshName();
    await peer.ask('create_list', name, values);
    expect(() => ShareableList.attach(name)).toFailWith(LayoutError, 'ERR_SHM_LAYOUT');
    await peer.ask('unlink_list');
  });
});
