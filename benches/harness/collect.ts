/** Collects garbage between the warm-up and what is measured. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/**
 * Collects all garbage of this thread. The engine does so once by itself soon after its start; meanwhile it allocates up to ten
 * times more slowly, and that would fall into the measured time of some contenders.
 */
export const collect = runInNewContext('gc') as () => void;
