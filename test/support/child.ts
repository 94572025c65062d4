/** Child processes of tests. They answer requests, end with their test, and are killed if they do not. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { processLimit } from './limits.ts';

/** How a child ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A request to a child. */
export interface Request {
  id: number;
  command: string;
  args: unknown[];
}

/** The answer: a result, or the facts of an error. */
export interface Answer {
  id: number;
  result?: unknown;
  error?: { name: string; code?: string; message: string };
}

/** An error that a child has thrown. */
export class RemoteError extends Error {
  readonly code: string | undefined;

  constructor({ name, code, message }: NonNullable<Answer['error']>) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

const living = new Set<Child>();

/** Kills the children that no test has waited for. Returns their titles, and what each has written. */
export function killLeftovers(): string[] {
  const left = [...living].map((child) => child.title + child.written());
  for (const child of living) child.process.kill('SIGKILL');
  living.clear();
  return left;
}

/** Waits for the end of a stream. */
async function ended(stream: Readable | null): Promise<void> {
  if (stream !== null && !stream.closed) await once(stream, 'close');
}

/** A running child. `await using` closes its channel, waits for its exit, and throws if the exit is not clean. */
export abstract class Child implements AsyncDisposable {
  /** Its name in messages. */
  readonly title: string;
  readonly process: ChildProcess;
  /** Resolves to how it ended; never rejects. */
  readonly exit: Promise<Exit>;
  /** Its output so far. */
  stdout = '';
  stderr = '';

  readonly #pending = new Map<
    number,
    { command: string; resolve: (result: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #limit: number;
  #asked = 0;
  #mayFail = false;
  #tookTooLong = false;
  #unexpectedEnd: Error | undefined;

  /** Starts `command`, and kills it after `deadline` milliseconds, or the usual ones, which {@link processLimit} scales. */
  protected constructor(title: string, [command = '', ...args]: string[], options: SpawnOptions, deadline?: number) {
    this.title = title;
    this.process = spawn(command, args, options);
    living.add(this);
    this.#limit = processLimit(deadline);
    const timer = setTimeout(() => {
      this.#tookTooLong = true;
      this.process.kill('SIGKILL');
    }, this.#limit);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exit = promise;
    this.process.once('error', (error) => {
      this.stderr += String(error);
      resolve({ code: null, signal: null });
    });
    // The event 'close' never comes after `disconnect`, so wait for the exit and the streams.
    this.process.once('exit', async (code, signal) => {
      await Promise.all([this.process.stdout, this.process.stderr].map(ended));
      resolve({ code, signal });
    });
    void this.#cleanUp(timer);
  }

  /** Sends a request to the child. */
  protected abstract send(request: Request): void;

  /** Tells the child that no more requests will come. */
  protected abstract hangUp(): void;

  /** Resolves to the child's answer to a command; rejects with a {@link RemoteError} if the child throws. */
  async ask<Result = unknown>(command: string, ...args: unknown[]): Promise<Result> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { command, resolve, reject });
    this.send({ id, command, args });
    return (await promise) as Result;
  }

  /** Handles an answer. */
  protected receive({ id, result, error }: Answer): void {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new RemoteError(error));
  }

  /** Kills it, which then does not count as a failure. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#mayFail = true;
    this.process.kill(signal);
    return this.exit;
  }

  /** Waits for its end, whether clean or not. */
  async end(): Promise<Exit> {
    this.#mayFail = true;
    return this.exit;
  }

  /** Lets it end, and throws unless it ends cleanly. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    const exit = await this.exit;
    if (exit.code !== 0 && !this.#mayFail) throw this.#failure(exit);
  }

  /** What it has written so far, in words for a message. */
  written(): string {
    const outputs = Object.entries({ 'standard error': this.stderr, 'standard output': this.stdout });
    return outputs.map(([where, text]) => (text === '' ? '' : `\n  its ${where}:\n${text.trimEnd()}`)).join('');
  }

  /** Rejects what is pending once the child has ended. */
  async #cleanUp(timer: NodeJS.Timeout): Promise<void> {
    const exit = await this.exit;
    clearTimeout(timer);
    living.delete(this);
    if (this.#pending.size === 0) return;
    const failure = this.#failure(exit);
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#pending.clear();
  }

  /** The error that says how it ended. There is one, so that a test that fails by it is not told it a second time. */
  #failure({ code, signal }: Exit): Error {
    if (this.#unexpectedEnd !== undefined) return this.#unexpectedEnd;
    const how = signal === null ? `with code ${code}` : `by ${signal}`;
    const why = this.#tookTooLong ? `, after the ${this.#limit / 1000} s that it may take` : '';
    const commands = [...this.#pending.values()].map(({ command }) => `'${command}'`);
    const asked = commands.length === 0 ? '' : `, while it was asked ${commands.join(', ')}`;
    this.#unexpectedEnd = new Error(`${this.title} ended ${how}${why}${asked}${this.written()}`);
    return this.#unexpectedEnd;
  }
}
