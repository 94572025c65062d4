/** The array of doubles through which numbers pass to and from the functions of `direct.ts`. */
import { addon, translated } from './addon.js';

/** What the addon wrote about the segment of the last call, and what the next call takes. */
export const latest: Float64Array = new Float64Array(translated(addon.segmentFacts)());
/** Where each number is in it. */
export const at = addon.factPlaces();
