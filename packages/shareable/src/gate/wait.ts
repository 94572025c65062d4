/** How to wait. */
export type { Timeout, Wait } from '../channel/wait-options.js';
export { checkTimeout } from '../channel/wait-options.js';
export type { CheckedWait } from '../lock/options.js';
export { checkWait } from '../lock/options.js';
