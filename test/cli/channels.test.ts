import { Channel, json } from 'shareable';
import { expect, test } from 'vitest';

import { platform } from '../support/platform.ts';
import { shareable, shareableJson } from '../support/cli.ts';

test.skipIf(!platform.listsSegments)('shareable ls and inspect show the kind and the state of a channel', async () => {
  using channel = Channel.create<number[]>({ codec: json(), capacity: 4096 });
  channel.send([1, 2, 3]);
  const { used } = channel;
  expect(await shareableJson(['inspect', channel.name])).toMatchObject({
    segment: { kind: 'channel' },
    channel: { capacity: 4096, used, codec: 'json', producers: 1, consumers: 0, isShut: false },
    items: null,
    bytes: null,
    layoutError: null,
  });
  expect(channel.receive()).toEqual([1, 2, 3]);
  channel.shutdown();
  const { code, stdout } = await shareable(['inspect', channel.name]);
  expect(code).toBe(0);
  expect(stdout).toContain('channel, shut down');
  expect(stdout).toMatch(/codec +json/);
  expect(stdout).toMatch(/used .*\(0 bytes\)/);
  expect((await shareable(['ls'])).stdout).toMatch(new RegExp(`${channel.name} +channel`));
});
