/** What does not run under qemu's emulation of a process, and why. */
import type { Skip } from './report.ts';

export const skippedRust: readonly Skip[] = [];

export const skippedFiles: readonly Skip[] = [];
