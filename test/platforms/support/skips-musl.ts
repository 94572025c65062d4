/** What of the suite does not run on musl, and why. */
import type { Skip } from './report.ts';

export const skippedInMusl: readonly Skip[] = [];
