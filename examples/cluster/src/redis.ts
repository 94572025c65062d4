/** A Redis of this program's own, on a Unix socket that nobody else can open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { connectionTo } from './queue.ts';

/**
 * Checks that Redis answers, before anything waits for it.
 *
 * @throws {Error} what Redis or the system says: nobody listens there, or the password is wrong
 */
export async function checkRedis(address: string): Promise<void> {
  const client = new Redis({ ...connectionTo(address), retryStrategy: () => null, lazyConnect: true });
  let reason: Error | undefined;
  client.on('error', (error) => (reason = error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw new Error(
      `Redis at ${address.replace(/:[^:@/]*@/, ':…@')} does not answer: ${(reason ?? (error as Error)).message}`,
      {
        cause: error,
      },
    );
  } finally {
    client.disconnect();
  }
}

export class OwnRedis implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'redis-'));
  readonly address: string = join(this.#folder, 'socket');
  #process: ReturnType<typeof spawn> | undefined;

  /** Starts it, with the data of its last run, and waits until it answers. */
  async start(): Promise<this> {
    const settings = `--port 0 --unixsocketperm 600 --appendonly yes --appendfsync always --save --dir ${this.#folder}`;
    const args = [...settings.split(' '), '--unixsocket', this.address];
    args.splice(args.indexOf('--save') + 1, 0, '');
    this.#process = spawn('redis-server', args, { stdio: 'ignore' });
    const failed = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`redis-server ended with code ${code}`);
    });
    const client = new Redis(connectionTo(this.address)).on('error', () => {});
    try {
      await Promise.race([client.ping(), failed]);
    } catch (error) {
      const hint = 'install it (Debian: apt-get install redis-server), or set REDIS_URL';
      throw new Error(`Redis does not start: ${hint}`, { cause: error });
    } finally {
      client.disconnect();
      failed.catch(() => {});
    }
    return this;
  }

  /** Ends it; its data stays until it is disposed of. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}
