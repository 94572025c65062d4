/** Runs the command line like a user's shell: a process with its output and exit code. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { processLimit } from './limits.ts';

/** The result of a run of the command line. */
export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

const manifest = new URL(import.meta.resolve('shareable/package.json'));

/** The file that `npx shareable` runs. */
export const bin: string = fileURLToPath(
  new URL((JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { shareable: string } }).bin.shareable, manifest),
);

/** How to run it. */
export interface RunOptions {
  env?: Record<string, string>;
  /** The Node that runs it; default: this one. */
  execPath?: string;
  /** A command to run Node by, such as `setpriv …`. */
  through?: string[];
}

/** Runs `shareable` with `args`. */
export async function shareable(args: string[], options: RunOptions = {}): Promise<Run> {
  const { env = {}, execPath = process.execPath, through = [] } = options;
  const [command = '', ...rest] = [...through, execPath, bin, ...args];
  const { promise, resolve } = Promise.withResolvers<Run>();
  const limits = { env: { ...process.env, ...env }, timeout: processLimit(), maxBuffer: 64 * 1024 * 1024 };
  const child = execFile(command, rest, limits, (_, stdout, stderr) =>
    resolve({ code: child.exitCode, stdout, stderr }),
  );
  child.stdin?.end();
  return promise;
}

/** Returns what a run printed as JSON, or throws. */
export async function shareableJson<Shape>(args: string[], options?: RunOptions): Promise<Shape> {
  const { stdout, stderr, code } = await shareable([...args, '--json'], options);
  if (stdout === '') throw new Error(`shareable ${args.join(' ')} printed nothing, code ${code}, and said: ${stderr}`);
  return JSON.parse(stdout) as Shape;
}

/** A segment in the output of `ls` and `inspect`. */
export interface SegmentShape {
  name: string;
  kind: string | null;
  length: number | null;
  size: number;
  residentBytes: number;
  isTracked: boolean;
  isInUse: boolean | null;
  owner: { pid: number; isAlive: boolean } | null;
  origin: string | null;
  uid: number;
  mode: string;
  createdAt: string;
}

/** Returns what `ls` shows about a segment. */
export async function listed(name: string): Promise<SegmentShape | undefined> {
  const { segments } = await shareableJson<{ segments: SegmentShape[] }>(['ls']);
  return segments.find((segment) => segment.name === name);
}
