/**
 * Configuration that one process replaces while others read it. Each version is a segment of its own that never changes;
 * one slot of a list names the current one. A reader sees a whole version, the old or the new one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { ShareableListHandle } from 'shareable';
import { SegmentNotFoundError, ShareableList, SharedMemory, slot } from 'shareable';

type Configuration = Record<string, unknown>;

function publish(current: ShareableList<string>, configuration: Configuration, before?: SharedMemory): SharedMemory {
  const bytes = new TextEncoder().encode(JSON.stringify(configuration));
  const next = SharedMemory.create(bytes.length);
  next.buf.set(bytes);
  current.set(0, next.name); // readers find the new version from here on
  before?.[Symbol.dispose]();
  return next;
}

function read(current: ShareableList<string>): Configuration {
  for (;;) {
    try {
      using version = SharedMemory.attach(current.get(0));
      return JSON.parse(new TextDecoder().decode(version.buf.slice())) as Configuration;
    } catch (error) {
      // It was replaced between the two lines: the slot names another one by now.
      if (!(error instanceof SegmentNotFoundError)) throw error;
    }
  }
}

if (process.send === undefined) {
  using current = ShareableList.create([slot(64, '')]);
  let version = publish(current, { limit: 0, text: '' });
  const child = fork(import.meta.filename);
  child.send(current.toJSON());
  const end = once(child, 'exit');
  for (let limit = 1; limit <= 500; limit++) version = publish(current, { limit, text: 'x'.repeat(limit) }, version);
  await end;
  version[Symbol.dispose]();
} else {
  process.once('message', (handle: ShareableListHandle<string>) => {
    using current = ShareableList.attach<string>(handle);
    let configuration = read(current);
    while (configuration['limit'] !== 500) configuration = read(current);
    console.log(`limit ${String(configuration['limit'])}, text of ${String(configuration['text']).length}`);
  });
}
