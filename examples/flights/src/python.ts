/** A Python worker beside the Node workers: it reads the same table, and must come to the same totals. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SharedArray } from 'shareable';
import type { FlightTable } from './columns.ts';

export interface PythonRun {
  readonly totals: Float64Array;
  /** Milliseconds to map the table and find its columns, and to compute. */
  readonly handOverTime: number;
  readonly computeTime: number;
  /** What pyarrow allocated to open the table. */
  readonly bytesCopied: number;
}

interface PythonTask {
  readonly flights: FlightTable;
  readonly partials: SharedArray<Float64Array>;
  readonly row: number;
  readonly airports: number;
}

const packages = ['numpy==2.4.6', 'pyarrow==26.0.1'];
const run = promisify(execFile);

/** `undefined` where there is no Python that has NumPy and pyarrow, and none could be set up; a line says why. */
export async function runInPython(
  { flights, partials, row, airports }: PythonTask,
  signal: AbortSignal,
): Promise<PythonRun | undefined> {
  let python: string;
  try {
    if (process.platform !== 'linux') throw new Error('it opens segments as files, which only Linux has');
    python = await findPython(signal);
  } catch (error) {
    signal.throwIfAborted();
    console.log(`Without the Python worker: ${(error as Error).message.split('\n', 1)[0]}\n`);
    return undefined;
  }
  const script = join(import.meta.dirname, 'worker.py');
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'], signal });
  child.stdin.end(`${JSON.stringify({ flights: flights.name, partials: partials.name, row, airports })}\n`);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`the Python worker exited with code ${code}`);
  return { ...(JSON.parse(output) as Omit<PythonRun, 'totals'>), totals: partials.row(row).slice() };
}

/** A Python with the packages: the system's, or a virtual environment that is made once. */
async function findPython(signal: AbortSignal): Promise<string> {
  const folder = join(import.meta.dirname, '../node_modules/.cache/python');
  const own = join(folder, 'bin/python');
  for (const candidate of ['python3', own]) {
    try {
      await run(candidate, ['-c', 'import numpy, pyarrow.ipc'], { signal });
      return candidate;
    } catch {
      signal.throwIfAborted();
    }
  }
  console.log(`Setting up Python's ${packages.join(' and ')}, once …`);
  const draft = `${folder}.${process.pid}`;
  try {
    mkdirSync(join(folder, '..'), { recursive: true });
    await run('python3', ['-m', 'venv', draft], { signal });
    await run(join(draft, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...packages], { signal });
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    if (existsSync(draft)) rmSync(draft, { recursive: true });
  }
  return own;
}
