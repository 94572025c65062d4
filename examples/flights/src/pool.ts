import { fork, type ChildProcess } from 'node:child_process';
import { addAbortListener } from 'node:events';
import type { ChildMessage } from './child.ts';

/**
 * A pool of worker processes that answer a question all at once.
 *
 * When one of them dies, or the signal aborts, pending answers reject; leaving the
 * scope of the pool then ends the others and waits for their exit.
 */
export class WorkerPool implements AsyncDisposable {
  /** The rows that each worker last reported as done, by message. */
  readonly rowsDone: number[];

  readonly #children: ChildProcess[];
  readonly #gone: Promise<unknown>[];
  readonly #answered: ((answer: unknown) => void)[] = [];
  readonly #failure = Promise.withResolvers<never>();
  readonly #abortListener: Disposable;
  #finishing = false;

  constructor(name: string, script: URL, count: number, signal: AbortSignal) {
    this.#failure.promise.catch(() => {}); // Only pending answers report it.
    this.#abortListener = addAbortListener(signal, () => this.#failure.reject(signal.reason));
    this.rowsDone = Array.from({ length: count }, () => 0);
    this.#children = this.rowsDone.map(() =>
      fork(script, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    this.#gone = this.#children.map((child, index) => {
      const title = count === 1 ? name : `${name} ${index + 1} of ${count}`;
      return this.#watch(child, index, title);
    });
  }

  /** Waits until every worker has loaded its code. */
  async ready(): Promise<void> {
    await this.#answers();
  }

  /** Sends every worker its question and waits for all answers, in the order of the workers. */
  async ask<Answer>(question: (index: number) => unknown): Promise<Answer[]> {
    const answers = this.#answers();
    for (const [index, child] of this.#children.entries()) {
      child.send(question(index) as object, (error) => this.#onSent(error));
    }
    return (await answers) as Answer[];
  }

  /** Ends the workers, and checks that they ended cleanly. */
  async finish(): Promise<void> {
    this.#finishing = true;
    for (const child of this.#children) if (child.connected) child.disconnect();
    await Promise.race([Promise.all(this.#gone), this.#failure.promise]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abortListener[Symbol.dispose]();
    // Workers only attach, so they have nothing to clean up.
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(this.#gone);
  }

  #answers(): Promise<unknown[]> {
    const answers = this.#children.map((_, index) => new Promise((resolve) => (this.#answered[index] = resolve)));
    return Promise.race([Promise.all(answers), this.#failure.promise]);
  }

  #watch(child: ChildProcess, index: number, title: string): Promise<unknown> {
    child.on('message', (message) => {
      const received = message as ChildMessage;
      if ('rowsDone' in received) this.rowsDone[index] = received.rowsDone;
      else this.#answered[index]?.(received.answer);
    });
    return new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#failure.reject(new Error(`${title} could not be started or reached`, { cause: error }));
        if (child.pid === undefined) resolve(); // It never started, so it will not exit.
      });
      child.once('exit', (code, signal) => {
        if (!this.#finishing || code !== 0) {
          const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
          this.#failure.reject(new Error(`${title} (pid ${child.pid}) ${how}`));
        }
        resolve();
      });
    });
  }

  #onSent(error: (Error & { code?: string }) | null): void {
    // A broken channel is a symptom: the exit of the worker follows and is reported.
    const broken = ['EPIPE', 'ECONNRESET', 'ERR_IPC_CHANNEL_CLOSED'];
    if (error && !broken.includes(error.code ?? '')) this.#failure.reject(error);
  }
}
