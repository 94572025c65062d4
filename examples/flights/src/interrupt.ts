import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** The reason of an abort by SIGINT or SIGTERM. */
export class Interrupted extends Error {
  /** The exit code that a shell expects of a process ended by a signal. */
  readonly exitCode: number;

  constructor(signal: (typeof signals)[number]) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs `work` with a signal that aborts on Ctrl-C. Until then, signals do not end the process, so that
 * every scope of `work` can clean up.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const interrupt = (signal: (typeof signals)[number]): void => controller.abort(new Interrupted(signal));
  for (const signal of signals) process.on(signal, interrupt);
  try {
    await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
