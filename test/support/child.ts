/** Child processes of tests: they answer requests, end with their test, and are killed if they do not. */
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** How many times as long as usual everything may take: under emulation much longer. */
const patience = Number(process.env['SHAREABLE_TEST_PATIENCE'] ?? 1);

/** How a child ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What a child is asked. */
export interface Request {
  id: number;
  command: string;
  args: unknown[];
}

/** What it answers: a result, or the facts of what it threw. */
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

/** Kills what no test has seen to its end; tells which those were. */
export function killLeftovers(): string[] {
  const left = [...living].map((child) => child.title);
  for (const child of living) child.process.kill('SIGKILL');
  living.clear();
  return left;
}

/** Waits for the last of what a stream brings. */
async function ended(stream: Readable | null): Promise<void> {
  if (stream !== null && !stream.closed) await once(stream, 'close');
}

/** A running child. `await using` ends it: closes its channel, waits for its exit, and throws if that is no clean one. */
export abstract class Child implements AsyncDisposable {
  /** What it is called in messages. */
  readonly title: string;
  readonly process: ChildProcess;
  /** How it ended; never rejects. */
  readonly exit: Promise<Exit>;
  /** What it has written so far. */
  stdout = '';
  stderr = '';

  readonly #pending = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #asked = 0;
  #mayFail = false;

  /** Starts `command`, which may live for `deadline` milliseconds. */
  protected constructor(title: string, [command = '', ...args]: string[], options: SpawnOptions, deadline: number) {
    this.title = title;
    this.process = spawn(command, args, options);
    living.add(this);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), deadline * patience);
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exit = promise;
    this.process.once('error', (error) => {
      this.stderr += String(error);
      resolve({ code: null, signal: null });
    });
    // The event 'close' would be the one to wait for, but never comes once `disconnect` was called.
    this.process.once('exit', async (code, signal) => {
      await Promise.all([this.process.stdout, this.process.stderr].map(ended));
      resolve({ code, signal });
    });
    void this.#cleanUp(timer);
  }

  /** Hands a request over to the child. */
  protected abstract send(request: Request): void;

  /** Tells the child that there is nothing more to come. */
  protected abstract hangUp(): void;

  /** What the child answers to a command; rejects with a {@link RemoteError} where the child throws. */
  async ask<Result = unknown>(command: string, ...args: unknown[]): Promise<Result> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    this.send({ id, command, args });
    return (await promise) as Result;
  }

  /** Takes an answer in. */
  protected receive({ id, result, error }: Answer): void {
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new RemoteError(error));
  }

  /** Ends it the hard way, which is no failure then. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#mayFail = true;
    this.process.kill(signal);
    return this.exit;
  }

  /** Waits for its end, however it is. */
  async end(): Promise<Exit> {
    this.#mayFail = true;
    return this.exit;
  }

  /** Lets it end, and throws unless it does so in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    const exit = await this.exit;
    if (exit.code !== 0 && !this.#mayFail) throw this.#failure(exit);
  }

  /** Rejects what is pending once the child has ended. */
  async #cleanUp(timer: NodeJS.Timeout): Promise<void> {
    const exit = await this.exit;
    clearTimeout(timer);
    living.delete(this);
    for (const { reject } of this.#pending.values()) reject(this.#failure(exit));
    this.#pending.clear();
  }

  #failure({ code, signal }: Exit): Error {
    const how = signal === null ? `with code ${code}` : `by ${signal}, perhaps for taking too long`;
    return new Error(`${this.title} ended ${how}${this.stderr === '' ? '' : `, saying:\n${this.stderr}`}`);
  }
}
