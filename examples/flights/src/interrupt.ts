import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Ctrl-C, or a polite request to end. */
export class Interrupted extends Error {
  /** What a shell expects of a process that a signal ended. */
  readonly exitCode: number;

  constructor(signal: (typeof signals)[number]) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs `work` with a signal that aborts on Ctrl-C. Signals do not end the process meanwhile, so that
 * every scope that `work` is in gets to clean up.
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
