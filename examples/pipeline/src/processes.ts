import { fork, type ChildProcess } from 'node:child_process';

/**
 * The processes of one run. When one of them dies without being told to, or the signal aborts, `failure` rejects; leaving the
 * scope then ends the others and waits for their exit.
 */
export class Stages implements AsyncDisposable {
  /** Rejects when the run has failed. */
  readonly failure: Promise<never>;
  /** Aborts when the run has failed. */
  readonly signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #stages: Stage[] = [];

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#failed.signal]);
    this.failure = new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason));
    });
    this.failure.catch(() => {}); // Only what is pending reports it.
  }

  /** Starts a process. It sends `ready` when it has loaded its code. */
  start(title: string, script: URL, args: readonly string[]): Stage {
    const child = fork(script, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const stage = new Stage(title, child, (error) => this.#failed.abort(error));
    this.#stages.push(stage);
    return stage;
  }

  /** Waits for something, unless the run fails before. */
  async orFailure<T>(pending: Promise<T>): Promise<T> {
    return Promise.race([pending, this.failure]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Stages only attach, so they have nothing to clean up.
    await Promise.all(this.#stages.map((stage) => stage.kill()));
  }
}

/** A process. */
export class Stage {
  /** Resolves with what it sends first. */
  readonly ready: Promise<unknown>;
  readonly child: ChildProcess;
  readonly #ended = Promise.withResolvers<void>();
  #mayBeKilled = false;

  constructor(title: string, child: ChildProcess, fail: (error: Error) => void) {
    this.child = child;
    this.ready = new Promise((resolve) => child.once('message', resolve));
    child.once('error', (error) => {
      fail(new Error(`the stage ${title} could not be started or reached`, { cause: error }));
      if (child.pid === undefined) this.#ended.resolve(); // It never started, so it will not exit.
    });
    child.once('exit', (code, signal) => {
      if (code !== 0 && !this.#mayBeKilled) {
        const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
        fail(new Error(`the stage ${title} (pid ${child.pid}) ${how}`));
      }
      this.#ended.resolve();
    });
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  send(message: object): void {
    // A broken channel is a symptom: the exit of the process follows and is reported.
    this.child.send(message, () => {});
  }

  /** Kills the process, if it has not ended, and waits for its end. */
  async kill(): Promise<void> {
    this.#mayBeKilled = true;
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
