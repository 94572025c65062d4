import { SharedEvent, WaitAbortedError, WaitTimeoutError } from 'shareable';
import { describe, expect, test } from 'vitest';

import type { Child } from '../support/child.ts';
import { forkFixture } from '../support/fork-fixture.ts';
import { freshName } from '../support/segments.ts';

async function forkPeer(event: SharedEvent): Promise<Child> {
  const child = forkFixture('primitives/peer.ts');
  await child.ask('attach', 'SharedEvent', event.toJSON());
  return child;
}

describe('an event', () => {
  test('is set and cleared for all processes', async () => {
    using event = SharedEvent.create();
    await using child = await forkPeer(event);
    expect([event.isSet, await child.ask('wait', 0)]).toEqual([false, false]);
    await child.ask('set');
    await child.ask('set');
    expect([event.isSet, event.wait(), await child.ask('wait')]).toEqual([true, true, true]);
    expect(String(event)).toBe(`SharedEvent('${event.name}', set)`);
    event.clear();
    event.clear();
    expect([event.isSet, await child.ask('wait', 10)]).toEqual([false, false]);
  });

  test.each(['wait', 'waitAsync'])('wakes processes that wait, also if it is cleared at once: %s', async (how) => {
    using event = SharedEvent.create();
    await using first = await forkPeer(event);
    await using second = await forkPeer(event);
    const waits = [first.ask(how, 20_000), second.ask(how, 20_000)];
    const timer = setInterval(() => {
      event.set();
      event.clear();
    }, 5);
    const all = await Promise.all(waits).finally(() => clearInterval(timer));
    expect(all).toEqual(how === 'wait' ? [true, true] : [undefined, undefined]);
  });

  test('wakes the tasks of its own thread', async () => {
    using event = SharedEvent.create();
    const waits = Promise.all([event.waitAsync(), event.waitAsync()]);
    event.set();
    event.clear();
    expect(await waits).toHaveLength(2);
  });

  test('ends a wait by its time-out, its signal and close', async () => {
    const event = SharedEvent.create();
    expect(event.wait({ timeout: 10 })).toBe(false);
    await expect(event.waitAsync({ timeout: 10 })).rejects.toThrow(WaitTimeoutError);
    await expect(event.waitAsync({ timeout: 0 })).rejects.toThrow(WaitTimeoutError);
    await expect(event.waitAsync({ signal: AbortSignal.abort('no') })).rejects.toThrow(WaitAbortedError);
    const controller = new AbortController();
    const aborted = event.waitAsync({ signal: controller.signal });
    const closed = event.waitAsync();
    controller.abort();
    await expect(aborted).rejects.toThrow(expect.objectContaining({ name: 'AbortError', code: 'ABORT_ERR' }));
    event[Symbol.dispose]();
    await expect(closed).rejects.toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(event.isSet).toBe(false);
    expect(() => event.set()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
    expect(() => event.wait()).toThrow(expect.objectContaining({ code: 'ERR_SHM_CLOSED' }));
  });

  test('outlives the processes that wait for it', async () => {
    using event = SharedEvent.create();
    await using first = await forkPeer(event);
    await using second = await forkPeer(event);
    const killed = first.ask('wait').catch(() => 'died');
    const other = second.ask('wait');
    await first.kill();
    event.set();
    expect(await Promise.all([killed, other])).toEqual(['died', true]);
  });

  test('is created or attached by name', () => {
    using first = SharedEvent.createOrAttach(freshName());
    using second = SharedEvent.createOrAttach(first.name);
    first.set();
    expect(second.isSet).toBe(true);
    expect(second.toJSON()).toEqual({ type: 'SharedEvent', name: first.name });
  });
});
