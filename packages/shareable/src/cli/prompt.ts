/** Asks the user. */
import { createInterface } from 'node:readline/promises';

import { escape } from './format.js';

/** Where a question is printed, and where the answer comes from. */
export interface Dialogue {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** The user's terminal. Questions go to standard error, because standard output may be a file. */
export const terminal: Dialogue = { input: process.stdin, output: process.stderr };

/** Whether a user can be asked. */
export function isInteractive({ input, output }: Dialogue): boolean {
  return input.isTTY === true && output.isTTY === true;
}

/** Asks a question. Returns true only for `y` or `yes`; the end of the input is a no. */
export async function confirm(question: string, { input, output }: Dialogue): Promise<boolean> {
  const lines = createInterface({ input, output });
  try {
    lines.once('SIGINT', () => {
      // The terminal is restored before the signal ends this process.
      lines.close();
      process.kill(process.pid, 'SIGINT');
    });
    const end = new Promise<string>((resolve) => void lines.once('close', () => resolve('')));
    const answer = await Promise.race([lines.question(`${escape(question)} [y/N] `), end]);
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
