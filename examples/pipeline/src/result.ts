import type { Route } from './job.ts';

/** The stages in their order. */
export const roles = ['decode', 'enrich', 'aggregate', 'rank'] as const;

export type Role = (typeof roles)[number];

export interface RunOptions {
  readonly rows: number;
  readonly signal: AbortSignal;
}

/** One run of the job: its result, and what it cost. */
export interface Result {
  readonly ranking: Route[];
  /** From the first flight to the last ranked route, in milliseconds. The start of the stages is left out. */
  readonly time: number;
  /** Processor time of all stages together, in milliseconds. The start of the stages is left out. */
  readonly cpu: number;
  /** The most memory that was resident in each stage, in bytes. */
  readonly peaks: readonly number[];
}
