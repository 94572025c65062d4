/** The interpreters that the tests of this folder use. */
import { afterAll, beforeAll, inject } from 'vitest';

import type { Child } from '../../support/child.ts';
import type { Python } from '../../support/python.ts';
import { runPython } from '../../support/python.ts';

/** Every CPython from 3.8 on that this machine has. */
export const pythons: Python[] = inject('pythons');

/** The interpreters with the layout of lists since 3.9. */
export const pythonsWithLists: Python[] = pythons.filter(({ minor }) => minor >= 9);

/** Starts a process of the interpreter that runs `test/interop/fixtures/peer.py`. */
export function startPeer(python: Python): Child {
  return runPython(python, 'interop/peer.py');
}

/** The limit of such a process in milliseconds. Each of its tests has a limit of its own. */
const SHARED = 300_000;

/** Starts one such process for all tests of a `describe`, which take turns. */
export function sharePeer(python: Python): Pick<Child, 'ask'> {
  let peer: Child;
  beforeAll(() => {
    peer = runPython(python, 'interop/peer.py', SHARED);
  });
  afterAll(async () => peer[Symbol.asyncDispose]());
  return { ask: async (command, ...args) => peer.ask(command, ...args) };
}
