/** The shape of a command, and the error for a wrong call. */
import type { Line } from './format.js';

/** An option for `util.parseArgs` and for the help. */
export interface Option {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** The name of its argument. */
  readonly argument?: string;
  readonly help: string;
}

/** How a command was called. */
export interface Call {
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  /** Whether a program reads the output, so that no question can be asked. */
  readonly isJson: boolean;
}

/** The result of a command. */
export interface Result {
  /** For programs. `version` is added in front. */
  json(): object;
  /** For people. */
  lines(): Iterable<Line>;
  /** The errors of parts of it. The exit code is then 1. */
  readonly errors?: readonly unknown[];
  /** Whether the exit code is 1 although the command itself succeeded. */
  readonly isBad?: boolean;
  /** Gets the result anew. With it, the result is shown again whenever it changes, until the process is ended. */
  readonly again?: () => Promise<Result>;
}

/** A command. */
export interface Command {
  /** What follows `shareable `. */
  readonly usage: string;
  readonly summary: string;
  readonly details: readonly string[];
  /** In addition to `--json` and `--help`, which all commands have. */
  readonly options: Readonly<Record<string, Option>>;
  /** The number of names that it takes. */
  readonly names: { readonly min: number; readonly max: number };
  run(call: Call): Promise<Result>;
}

/** The command line is not valid (`ERR_SHM_USAGE`). The exit code is 2. */
export class UsageError extends TypeError {
  readonly code = 'ERR_SHM_USAGE';

  static {
    this.prototype.name = 'UsageError';
  }
}

/** Parses a whole number given as an option, decimal or with `0x`. */
export function integerOption(call: Call, name: string, preset: number): number {
  const text = call.options[name];
  if (text === undefined) return preset;
  const number = typeof text === 'string' && /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new UsageError(`--${name} takes a whole number, such as 100 or 0x64, not '${text}'`);
}
