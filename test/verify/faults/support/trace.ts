/** System calls of one thread of a running process, seen and spoilt by strace(1). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A system call as it was seen. */
export interface Call {
  name: string;
  /** How many of this name there were since the tracer came, this one included. */
  nth: number;
  text: string;
}

/** A tracer that is attached. */
export interface Tracer extends Disposable {
  /** Lets go of the process, if that still lives, and tells what it has done. */
  detach: () => Promise<Call[]>;
}

/**
 * Attaches to the main thread of a process, and to no thread or process that it starts: so what is injected, as the
 * option `inject` of strace has it, never hits the helper.
 */
export async function trace(pid: number, inject?: string): Promise<Tracer> {
  const folder = mkdtempSync(join(tmpdir(), 'shareable-trace-'));
  const log = join(folder, 'log');
  const injection = inject === undefined ? [] : ['-e', `inject=${inject}`];
  const strace = spawn('strace', ['-o', log, '-s', '100', '-p', String(pid), ...injection], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(strace, 'exit');
  const [line] = (await Promise.race([once(createInterface({ input: strace.stderr }), 'line'), exit])) as [unknown];
  if (typeof line !== 'string' || !line.includes('attached'))
    throw new Error(`strace does not attach: ${String(line)}`);
  return {
    async detach() {
      strace.kill('SIGINT');
      await exit;
      return parse(readFileSync(log, 'utf8'));
    },
    [Symbol.dispose]() {
      strace.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

function parse(log: string): Call[] {
  const counts = new Map<string, number>();
  return log.split('\n').flatMap((text) => {
    const [, name] = /^(\w+)\(/.exec(text) ?? [];
    if (name === undefined) return [];
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    return [{ name, nth, text }];
  });
}

/** The mark that the programs set before and after an operation: a signal of number 0 to themselves. */
const MARK = /^kill\(\d+, 0\)/;

/** The calls of the operation, and the mark after it: the points at which it can be interrupted. */
export function pointsOf(calls: readonly Call[]): Call[] {
  const marks = calls.flatMap(({ text }, index) => (MARK.test(text) ? [index] : []));
  const [before, after] = marks;
  return before === undefined ? [] : calls.slice(before + 1, after === undefined ? undefined : after + 1);
}
