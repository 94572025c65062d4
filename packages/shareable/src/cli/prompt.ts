/** Asking the user. */
import { createInterface } from 'node:readline/promises';

import { escape } from './format.js';

/** Where a question goes, and where its answer comes from. */
export interface Dialogue {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** The user's: not on standard output, which may be going to a file. */
export const terminal: Dialogue = { input: process.stdin, output: process.stderr };

/** Whether there is somebody to ask. */
export function isInteractive({ input, output }: Dialogue): boolean {
  return input.isTTY === true && output.isTTY === true;
}

/** Asks a question; only a yes is a yes, and the end of the input is none. */
export async function confirm(question: string, { input, output }: Dialogue): Promise<boolean> {
  const lines = createInterface({ input, output });
  try {
    lines.once('SIGINT', () => {
      // The terminal is as it was before the signal ends us.
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
