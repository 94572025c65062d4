/** How to wait. */
export type { Timeout, Wait, CheckedWait } from '../channel/wait-options.js';
export { checkTimeout, checkWait } from '../channel/wait-options.js';
