/** One operation of a program under test, under a tracer. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SharedMemory } from 'shareable';

import type { Program } from './programs.ts';
import { helperPath } from './programs.ts';
import { Session } from './session.ts';
import type { Call } from './trace.ts';
import { pointsOf, trace } from './trace.ts';

const BOTH = [
  'create',
  'create-again',
  'create-after-helper-died',
  'create-detached',
  'create-or-attach',
  'attach',
  'attach-read-only',
  'close',
  'close-attached',
  'unlink',
  'dispose',
];

/** Done by native code that Node calls on other threads, so that the native program alone shows every call of them. */
const NATIVE = [
  'drop',
  'list-create',
  'list-attach',
  'list-attach-long',
  'list-use',
  'lock-create',
  'lock-attach',
  'lock-acquire',
  'lock-acquire-recovered',
  'lock-acquire-taken',
  'lock-wait',
  'lock-release',
  'lock-close',
  'lock-unlink',
  'lock-dispose',
  'blocks-create',
  'blocks-end',
  'manager-start',
  'manager-connect',
  'manager-create',
  'manager-list',
  'manager-unlink',
  'manager-end',
];

const NODE = [
  'create-list',
  'list-attach',
  'list-use',
  'list-dispose',
  'lock-create',
  'lock-attach',
  'lock-acquire',
  'lock-acquire-recovered',
  'lock-acquire-taken',
  'lock-release',
  'lock-close',
  'lock-unlink',
  'lock-dispose',
  'manager-alone-create',
  'manager-alone-end',
  'manager-create',
  'manager-list',
  'manager-unlink',
  'channel-create',
  'channel-attach',
  'channel-send-full',
  'channel-receive-empty',
  'channel-close',
  'channel-dispose',
  'semaphore-create',
  'semaphore-attach',
  'semaphore-acquire-taken',
  'semaphore-release',
  'semaphore-dispose',
  'array-create',
  'array-attach',
  'array-dispose',
];

/** Turns of Node's event loop, which ends the process when its own calls fail: killed, but not failed. */
const ASYNCHRONOUS = [
  'lock-acquire-async',
  'lock-acquire-taken-async',
  'manager-start',
  'manager-connect',
  'manager-end',
  'once-make',
  'once-attach',
];

/** The operations that each program knows. */
export const operations = { native: [...BOTH, ...NATIVE], node: [...BOTH, ...NODE, ...ASYNCHRONOUS] };

/** Whether an operation of Node can be failed at every call. */
export function isSynchronous(operation: string): boolean {
  return !ASYNCHRONOUS.includes(operation);
}

/** How an operation went. */
export interface Outcome {
  /** What it came to: `ok`, or an error's facts; `undefined` when the process ended first. */
  said: string | undefined;
  /** What the process held afterwards; `undefined` when it had ended. */
  inventory: string | undefined;
  /** The calls from one mark to the other. */
  points: Call[];
  /** Segments that were left by then. */
  left: string[];
}

/** How a program came to its end. */
export interface End {
  signal: NodeJS.Signals | null;
  code: number | null;
  /** Segments of its own that are left, and others' that are not. */
  leaks: string[];
  stderr: string;
  hung: boolean;
}

/** The segments whose names begin with `prefix`. */
export function segmentsOf(prefix: string): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith(prefix));
}

/** A name that nothing has. */
export function freshPrefix(): string {
  return `f${randomBytes(6).toString('hex')}_`;
}

/** A program that does the same operation again and again. */
export class Stepper implements AsyncDisposable {
  readonly #prefix = freshPrefix();
  readonly #victim = SharedMemory.create(5000, { name: `${this.#prefix}v` });
  /** Where managers have their sockets. */
  readonly #temporary = mkdtempSync(join(tmpdir(), 'shareable-step-'));
  readonly #session: Session;
  readonly #operation: string;

  constructor({ title, command }: Program, operation: string) {
    const helper = title === 'native' ? [helperPath] : [];
    this.#operation = operation;
    this.#session = new Session([...command, 'step', operation, `${this.#prefix}n`, this.#victim.name, ...helper], {
      env: { ...process.env, TMPDIR: this.#temporary },
    });
  }

  /** Does the operation once, spoilt by `inject`. */
  async step(inject?: string): Promise<Outcome> {
    await this.#session.ready();
    using tracer = await trace(this.#session.pid, inject);
    this.#session.nudge();
    const said = await this.#session.hear();
    const points = pointsOf(await tracer.detach());
    this.#session.nudge();
    const inventory = said === undefined ? undefined : await this.#session.hear();
    const left = segmentsOf(`${this.#prefix}n`);
    this.#session.nudge();
    return { said, inventory, points, left };
  }

  /** Ends it, and looks at what is left of it. */
  async end(): Promise<End> {
    this.#session.process.stdin.end();
    const { code, signal } = await this.#session.closed;
    const left = new Set(segmentsOf(`${this.#prefix}n`));
    const old = `${this.#prefix}no`;
    if (left.has(old) && this.#operation === 'create-after-helper-died') {
      // Who kills a process after its helper has killed everything at once: what was there before is for the next sweep.
      execFileSync(helperPath, ['sweep']);
      if (!existsSync(`/dev/shm/${old}`)) left.delete(old);
    }
    for (const leak of left) rmSync(`/dev/shm/${leak}`);
    const leaks = [...left].map((leak) => `${leak} was left`);
    if (!existsSync(`/dev/shm/${this.#victim.name}`)) leaks.push(`${this.#victim.name}, somebody else's, is gone`);
    leaks.push(...readdirSync(this.#temporary).map((file) => `${file} was left in the temporary folder`));
    return { code, signal, leaks, stderr: this.#session.stderr, hung: this.#session.hung };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    this.#victim[Symbol.dispose]();
    rmSync(this.#temporary, { recursive: true, force: true });
  }
}
