/**
 * Test files in processes of another Node than the one that runs Vitest, which does not support all that the package
 * does. Everything that a test starts by `process.execPath` is then the other Node too.
 */
import type { PoolOptions, PoolRunnerInitializer } from 'vitest/node';
import { ForksPoolWorker } from 'vitest/node';

class OtherNodeWorker extends ForksPoolWorker {
  override readonly name = 'other-node';
  readonly #path: string;

  constructor(options: PoolOptions, path: string) {
    super(options);
    this.#path = path;
    this.env = { ...this.env, NODE_OPTIONS: process.env['SHAREABLE_TEST_NODE_OPTIONS'] ?? '' };
  }

  /** `fork()`, which this calls before it returns, takes the executable from here. */
  override async start(): Promise<void> {
    const { execPath } = process;
    process.execPath = this.#path;
    try {
      const started = super.start();
      process.execPath = execPath;
      await started;
    } finally {
      process.execPath = execPath;
    }
  }
}

/** A pool of processes of the Node at `path`. */
export function otherNode(path: string): PoolRunnerInitializer {
  return { name: 'other-node', createPoolWorker: (options) => new OtherNodeWorker(options, path) };
}
