/** Time as the system measures it. A program can replace `performance.now`, as fake timers in tests do. */
import { addon } from './addon.js';

/** Returns the milliseconds since some moment of this process. Never goes back. */
export const clock: () => number = addon.clock;
