/** Keeps loops over messages from starving the event loop, which resolved promises alone never let turn. */
import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds that messages may be handled in one turn of the event loop. */
const LONGEST_TURN = 1;

/** When this turn of the loop began, as far as this module knows; -1 when it does not. */
let began = -1;

/** Whether the event loop must turn before the next message. */
export function isTurnDue(): boolean {
  const now = performance.now();
  if (began < 0) {
    began = now;
    setImmediate(() => (began = -1));
    return false;
  }
  return now - began > LONGEST_TURN;
}

/** Lets the event loop turn. */
export async function takeTurn(): Promise<void> {
  await turn();
  began = -1;
}
