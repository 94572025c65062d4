/** Runs operations round by round, each contender at each point in a fresh process. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Contender, Operation, Point } from './operation.ts';
import { median } from './timer.ts';
import { compile, pythonEnvironment } from './toolchain.ts';

const execute = promisify(execFile);
const folder = join(import.meta.dirname, '../operations');
/** A time limit that no measurement reaches. */
const WATCHDOG = 180_000;
/** The time at one point after which a contender is not measured there again. */
const BUDGET = 4000;

/** The measurements of one contender at one point, in the operation's unit. */
export interface Result {
  readonly operation: string;
  readonly point: Point;
  readonly contender: string;
  readonly median: number;
  /** The values of all rounds, in order. */
  readonly rounds: number[];
}

export interface RunOptions {
  readonly rounds: number;
  readonly quick: boolean;
  readonly python: string;
  readonly peers: ReadonlySet<string>;
  readonly report: (line: string) => void;
}

/** Returns the names of all operations. */
export function operationNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

export async function loadOperation(name: string): Promise<Operation> {
  return ((await import(join(folder, `${name}.ts`))) as { default: Operation }).default;
}

function does(contender: Contender, point: Point, peers: ReadonlySet<string>): boolean {
  if (contender.peer !== undefined && !peers.has(contender.peer)) return false;
  if (contender.only !== undefined && !contender.only.includes(point)) return false;
  return contender.upTo === undefined || Number(point) <= contender.upTo.point;
}

function command(operation: string, name: string, contender: Contender, point: Point, python: string): string[] {
  const file = join(folder, operation);
  switch (contender.kind) {
    case 'node': {
      const child = join(import.meta.dirname, 'child.ts');
      return [process.execPath, ...(contender.flags ?? []), child, operation, name, String(point)];
    }
    case 'python':
      return [python, '-B', `${file}.py`, String(point), name];
    case 'c':
      return [compile(operation), String(point), name];
  }
}

async function measure([program = '', ...args]: string[]): Promise<number> {
  const env = { ...process.env, ...pythonEnvironment };
  const { stdout } = await execute(program, args, { env, timeout: WATCHDOG, killSignal: 'SIGKILL' });
  const value = Number(stdout.trim());
  if (!(value > 0)) throw new Error(`${program} ${args.join(' ')} printed ${JSON.stringify(stdout)}, not a number`);
  return value;
}

/** Measures one operation at all of its points. */
export async function runOperation(name: string, options: RunOptions): Promise<Result[]> {
  const operation = await loadOperation(name);
  const results: Result[] = [];
  for (const point of options.quick ? operation.quick : operation.points) {
    const entrants = Object.entries(operation.contenders).filter(([, one]) => does(one, point, options.peers));
    const values = new Map(entrants.map(([contender]) => [contender, [] as number[]]));
    const spent = new Map<string, number>();
    for (let round = 0; round < options.rounds; round++) {
      for (const [contender, about] of entrants) {
        if (!values.has(contender) || (spent.get(contender) ?? 0) > BUDGET) continue;
        const start = performance.now();
        try {
          values.get(contender)?.push(await measure(command(name, contender, about, point, options.python)));
        } catch (error) {
          // A competitor that fails is a result too. Ours must work.
          const { killed, message } = error as Error & { killed?: boolean };
          if ((about.peer === undefined && killed !== true) || about.title.startsWith('shareable')) throw error;
          const why = killed === true ? 'took too long' : (message.trim().split('\n').at(-1) ?? '');
          options.report(`${name} ${point}: ${about.title} failed: ${why}`);
          values.delete(contender);
          continue;
        }
        spent.set(contender, (spent.get(contender) ?? 0) + performance.now() - start);
      }
    }
    for (const [contender, rounds] of values) {
      results.push({ operation: name, point, contender, median: median(rounds), rounds });
    }
    options.report(`${name} ${point}`);
  }
  return results;
}
