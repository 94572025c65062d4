/** Keeps loops over messages from starving the event loop, which resolved promises alone never let turn. */

/** Milliseconds that messages may be handled in one turn of the event loop. */
const LONGEST_TURN = 1;
/** The same where this turn may have begun later than this module knows. */
const LONGEST_DOUBT = 0.25;

/** This module cannot tell whether the loop has turned since {@link began}: it was told so once, or twice. */
const UNSURE = 0;
const DOUBTFUL = 1;
/** The loop has not turned since {@link began}. */
const SURE = 2;

/** When this turn of the loop began, or a later time at which it was still this turn. */
/**
 * As it was when the package was loaded: half the cost of the system's clock, and nobody waits by it. It can still be a
 * replaced one that goes back.
 */
const read = performance.now.bind(performance);

let began = -Infinity;
let state: typeof UNSURE | typeof DOUBTFUL | typeof SURE = UNSURE;

/** The event loop has just turned. */
export function hasTurned(): void {
  if (state !== SURE) state = UNSURE;
  began = read();
}

/** Whether the event loop must turn before the next message. */
export function isTurnDue(): boolean {
  const now = read();
  if (now >= began && now - began <= (state === SURE ? LONGEST_TURN : LONGEST_DOUBT)) return false;
  if (state === SURE) return true;
  began = now;
  // The first long pause is most often a sleep. An immediate tells for sure, but it also keeps the loop from sleeping.
  if (state === UNSURE) state = DOUBTFUL;
  else watchTurn();
  return false;
}

function watchTurn(): void {
  state = SURE;
  setImmediate(() => (state = UNSURE));
}

/** Lets the event loop turn. */
export async function takeTurn(): Promise<void> {
  await new Promise(setImmediate);
  began = read();
  watchTurn();
}

/** Calls `fn`, after a turn of the event loop if one is due. What `fn` throws, the promise rejects with. */
export function inTurn<Result>(fn: () => Promise<Result>): Promise<Result> {
  if (isTurnDue()) return takeTurn().then(fn);
  try {
    return fn();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}
