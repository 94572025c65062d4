/** Two producers and two consumers of one channel, one of which is killed again and again. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Channel, ProducerDiedError, bytes } from 'shareable';

import { CAPACITY, checkMessage, now } from './message.ts';
import type { Task } from './peer.ts';
import { Tally } from './tally.ts';

const program = fileURLToPath(new URL('peer.ts', import.meta.url));
/** No wait is longer, in milliseconds; one that is counts as a hang. */
const LONGEST = 60_000;
/** Processes that have started and wait for their task, so that a replacement takes no time. */
const SPARES = 1;

/** What a session does. */
export interface Plan {
  /** How its consumers take messages. */
  readonly how: 'receive' | 'read';
  /** How many processes it kills. */
  readonly count: number;
  /** Returns a number below another one. */
  readonly random: (below: number) => number;
  /** When it ends even if it has killed fewer; see `performance.now()`. */
  readonly until: number;
}

/** What a session counts. */
export interface Outcome {
  readonly kills: { producers: number; consumers: number };
  readonly messages: number;
  /** Messages that were marked as redelivered, and those of them that came again. */
  readonly redelivered: number;
  readonly again: number;
  /** Messages that never came. */
  readonly missing: { whole: number; fragmented: number };
  /** For each kill, the milliseconds to the arrival of the first message that was sent after it. */
  readonly times: number[];
}

type Role = Task['role'];

/** One run; see {@link runSession}. */
class Session {
  readonly #work = Channel.create<Uint8Array>({ codec: bytes, capacity: CAPACITY });
  readonly #results = Channel.create<Uint8Array>({ codec: bytes, capacity: CAPACITY });
  readonly #tally = new Tally();
  readonly #spares: ChildProcess[] = [];
  #producers = 0;
  /** Ends with the error of a process that ends by itself. */
  readonly #failure = Promise.withResolvers<never>();
  #isEnding = false;

  constructor() {
    // A run that awaits something else when a process fails must not end as an unhandled rejection.
    this.#failure.promise.catch(() => {});
  }

  async run({ how, count, random, until }: Plan): Promise<Outcome> {
    using _work = this.#work;
    using _results = this.#results;
    const roles: Role[] = ['produce', 'produce', how, how];
    for (let i = 0; i < SPARES; i++) this.#spares.push(this.#fork());
    const peers = roles.map((role) => this.#start(role));
    const kills = { producers: 0, consumers: 0 };
    const times: number[] = [];
    for (let kill = 0; kill < count && performance.now() < until; kill++) {
      for (let left = 1 + random(40); left > 0; left--) await this.#receive();
      const index = random(peers.length);
      const role = roles[index] as Role;
      const victim = peers[index] as ChildProcess;
      const killed = now();
      const exit = once(victim, 'exit');
      victim.kill('SIGKILL');
      // A message that was sent later went all the way past the dead process.
      while ((await this.#receive()) <= killed);
      times.push(now() - killed);
      await exit;
      kills[role === 'produce' ? 'producers' : 'consumers'] += 1;
      peers[index] = this.#start(role);
    }
    await this.#end(peers.slice(0, 2), peers.slice(2));
    const { messages, redelivered, again } = this.#tally;
    return { kills, messages, redelivered, again, missing: this.#tally.missing(), times };
  }

  /** Ends the stream, and receives all that is left. */
  async #end(producers: readonly ChildProcess[], consumers: readonly ChildProcess[]): Promise<void> {
    this.#isEnding = true;
    const exits = [...producers, ...consumers, ...this.#spares].map((child) => once(child, 'exit'));
    for (const child of [...producers, ...this.#spares]) child.kill('SIGKILL');
    this.#work.shutdown();
    const ended = Promise.all(exits).then(() => this.#results.shutdown());
    while ((await this.#receive()) !== Infinity);
    await ended;
  }

  /** Receives the next message and checks it. Returns when it was sent; `Infinity` at the end of the stream. */
  async #receive(): Promise<number> {
    while (true) {
      try {
        const received = this.#results.receiveAsync({ timeout: LONGEST });
        const message = await Promise.race([received, this.#failure.promise]);
        if (message === undefined) return Infinity;
        const [mark, rest] = [message[0], Buffer.from(message.buffer, message.byteOffset + 1, message.length - 1)];
        const { producer, number, sentAt } = checkMessage(rest);
        this.#tally.add(producer, number, mark === 1);
        return sentAt;
      } catch (error) {
        if (!(error instanceof ProducerDiedError)) throw error;
      }
    }
  }

  #fork(): ChildProcess {
    const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL' || this.#isEnding) return;
      this.#failure.reject(new Error(`a process ended with ${code ?? signal}`));
    });
    return child;
  }

  #start(role: Role): ChildProcess {
    this.#spares.push(this.#fork());
    const child = this.#spares.shift() as ChildProcess;
    this.#producers += Number(role === 'produce');
    const task: Task = { role, work: this.#work.name, results: this.#results.name, producer: this.#producers };
    child.send(task);
    return child;
  }
}

/**
 * Kills processes of one channel at random.
 *
 * @throws when a message is torn, comes twice without a mark, or does not come in time
 */
export function runSession(plan: Plan): Promise<Outcome> {
  return new Session().run(plan);
}
