/** Counts the instructions of the core's operations by callgrind. The counts do not depend on the machine's load. */
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const program = join(root, 'target/release/examples/counted');
const WATCHDOG = 240_000;

/** An operation of `crates/core/examples/counted.rs` on a list or segment of some length, and how often to do it. */
export interface Counted {
  readonly operation: string;
  readonly length: number;
  readonly times: number;
}

export const key = ({ operation, length }: Counted): string => `${operation} ${length}`;

/** The guarded operations. */
export const OPERATIONS: readonly Counted[] = [
  ...['get_int', 'get_float', 'get_str', 'set_int', 'set_float', 'set_str', 'add'].map((operation) => ({
    operation,
    length: 1000,
    times: 2000,
  })),
  { operation: 'construct', length: 10_000, times: 3 },
  { operation: 'find', length: 10_000, times: 10 },
  { operation: 'count', length: 10_000, times: 10 },
  { operation: 'attach_list', length: 100, times: 50 },
  { operation: 'attach_list', length: 5000, times: 50 },
  { operation: 'attach_list', length: 1_000_000, times: 50 },
  { operation: 'create', length: 4096, times: 50 },
  { operation: 'create', length: 1_048_576, times: 50 },
  { operation: 'attach', length: 4096, times: 50 },
  { operation: 'register_frame', length: 1, times: 500 },
  { operation: 'lock', length: 1, times: 1000 },
];

export function build(): void {
  const flags = ['build', '--quiet', '--release', '--locked', '--package', 'shareable-core', '--example', 'counted'];
  execFileSync('cargo', flags, { cwd: root, stdio: 'inherit' });
}

async function instructions(operation: string, times: number, length: number): Promise<number> {
  return instructionsOf([program, operation, String(times), String(length)]);
}

/** Returns the instructions of a command from start to end. */
export async function instructionsOf(command: readonly string[], flags: readonly string[] = []): Promise<number> {
  const callgrind = ['--tool=callgrind', '--callgrind-out-file=/dev/null', ...flags];
  const { stderr } = await execute('valgrind', [...callgrind, ...command], {
    timeout: WATCHDOG,
    killSignal: 'SIGKILL',
  });
  const collected = /Collected : (\d+)/.exec(stderr)?.[1];
  if (collected === undefined) throw new Error(`callgrind has counted nothing:\n${stderr}`);
  return Number(collected);
}

/** Returns the instructions of one operation, without those of start and end. */
export async function countOne({ operation, length, times }: Counted): Promise<number> {
  const base = await instructions(operation, times, length);
  const more = await instructions(operation, 3 * times, length);
  return (more - base) / (2 * times);
}

/** Returns the versions that the counts belong to. */
export function versions(): string {
  return ['rustc', 'valgrind']
    .map((name) => execFileSync(name, ['--version'], { encoding: 'utf8' }).trim())
    .join(', ')
    .replaceAll(/ \([^)]*\)/g, '');
}
