/** A child process that exchanges lines with its parent. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A child that is silent for this many milliseconds hangs. */
const DEADLINE = 30_000;

/** A running child. `await using` kills it if it still runs. */
export class Session implements AsyncDisposable {
  readonly process: ChildProcessWithoutNullStreams;
  readonly pid: number;
  /** When its standard output and error are at their ends: it is gone, and so is its helper, which shares the latter. */
  readonly closed: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stderr = '';
  /** Whether it was killed for taking too long. */
  hung = false;
  readonly #lines: AsyncIterator<string>;
  readonly #timer: NodeJS.Timeout;

  constructor(
    [command = '', ...args]: readonly string[],
    options: { detached?: boolean; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.process = spawn(command, args, { stdio: 'pipe', ...options });
    this.pid = this.process.pid ?? 0;
    this.#timer = setTimeout(() => {
      this.hung = true;
      this.process.kill('SIGKILL');
    }, DEADLINE);
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    // It can be dead when a line is sent.
    this.process.stdin.on('error', () => {});
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.closed = once(this.process, 'close').then(([code, signal]) => {
      clearTimeout(this.#timer);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** Returns the next line of its output, or `undefined` at the end. */
  async hear(): Promise<string | undefined> {
    this.#timer.refresh();
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Waits until it reports that it is ready. */
  async ready(): Promise<void> {
    const line = await this.hear();
    if (line !== 'ready') throw new Error(`${this.process.spawnargs.join(' ')} said ${line}, and ${this.stderr}`);
  }

  /** Sends it an empty line. */
  nudge(): void {
    this.process.stdin.write('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.closed;
  }
}
