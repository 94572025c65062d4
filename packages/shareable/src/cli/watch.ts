/** Runs a command again and again, and shows its result in place. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Result } from './command.js';
import type { Output } from './output.js';

/** Milliseconds between two looks. */
const INTERVAL = 1000;

/** The signals that end a program on a terminal. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Has the terminal restored before one of the signals ends this process, as it would without a listener. */
function restoreAtEnd(out: Output): void {
  for (const signal of ENDINGS) {
    process.once(signal, () => {
      out.finishDrawing();
      process.kill(process.pid, signal);
    });
  }
}

/**
 * Shows what `look` finds until a signal ends this process, or `look` fails. A terminal shows the latest result in place. For
 * anything else, each result that differs from the one before is printed as `print` does, with an empty line between two.
 */
export async function watch(
  out: Output,
  look: () => Promise<Result>,
  print: (result: Result, isFirst: boolean) => Promise<void>,
  isInPlace: boolean,
): Promise<never> {
  if (isInPlace) restoreAtEnd(out);
  let shown = '';
  for (;;) {
    const result = await look();
    const now = JSON.stringify(result.json());
    if (isInPlace) await out.draw(result.lines());
    else if (now !== shown) await print(result, shown === '');
    shown = now;
    await sleep(INTERVAL);
  }
}
