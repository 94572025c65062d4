/** What a command is, and what is wrong with how it was called. */
import type { Line } from './format.js';

/** An option, as `util.parseArgs` takes it, and as the help shows it. */
export interface Option {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** What its argument is called. */
  readonly argument?: string;
  readonly help: string;
}

/** How a command was called. */
export interface Call {
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  /** Whether a program will read what comes out, so that nobody can be asked. */
  readonly isJson: boolean;
}

/** What a command has found or done. */
export interface Result {
  /** For programs; `version` is put before it. */
  json(): object;
  /** For people. */
  lines(): Iterable<Line>;
  /** What went wrong with parts of it; the exit code is 1 then. */
  readonly errors?: readonly unknown[];
  /** Whether the exit code is 1 though nothing went wrong with the command itself. */
  readonly isBad?: boolean;
}

/** One of the commands. */
export interface Command {
  /** Behind `shareable `. */
  readonly usage: string;
  readonly summary: string;
  readonly details: readonly string[];
  /** Beside `--json` and `--help`, which all have. */
  readonly options: Readonly<Record<string, Option>>;
  /** How many names it takes. */
  readonly names: { readonly min: number; readonly max: number };
  run(call: Call): Promise<Result>;
}

/** The command line is not one of ours (`ERR_SHM_USAGE`); the exit code is 2. */
export class UsageError extends TypeError {
  readonly code = 'ERR_SHM_USAGE';

  static {
    this.prototype.name = 'UsageError';
  }
}

/** A whole number given as an option, decimal or with `0x`. */
export function integerOption(call: Call, name: string, preset: number): number {
  const text = call.options[name];
  if (text === undefined) return preset;
  const number = typeof text === 'string' && /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new UsageError(`--${name} takes a whole number, such as 100 or 0x64, not '${text}'`);
}
