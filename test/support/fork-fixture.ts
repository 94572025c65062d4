/** Node processes that run the fixture of a suite: `lock/peer.ts` is `test/lock/fixtures/peer.ts`. */
import type { Answer, Request } from './child.ts';
import { Child } from './child.ts';
import { pathOfFixture } from './fixtures.ts';

/** How to start a fixture. */
export interface ForkOptions {
  /** The arguments of the script. */
  args?: string[];
  /** The Node that runs it; default: this one. */
  execPath?: string;
  /** The arguments of Node. */
  execArgv?: string[];
  /** A command to run Node by, such as `setpriv …`. */
  through?: string[];
  /** The serialization of messages: `json` for another version of Node. */
  serialization?: 'advanced' | 'json';
  /** Milliseconds after which it is killed, as for {@link Child}. */
  deadline?: number;
}

class Fixture extends Child {
  constructor(script: string, options: ForkOptions) {
    const { args = [], execPath = process.execPath, execArgv = [], through = [], deadline } = options;
    const path = pathOfFixture(script);
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const;
    super(
      script,
      [...through, execPath, ...execArgv, path, ...args],
      { stdio: [...stdio], serialization: options.serialization ?? 'advanced' },
      deadline,
    );
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.process.on('message', (answer) => this.receive(answer as Answer));
  }

  protected override send(request: Request): void {
    // If it fails, the child has ended, and its exit rejects what is pending.
    this.process.send(request, () => {});
  }

  protected override hangUp(): void {
    if (this.process.connected) this.process.disconnect();
  }
}

/** Forks the fixture of a suite, named as in `lock/peer.ts`. */
export function forkFixture(script: string, options: ForkOptions = {}): Child {
  return new Fixture(script, options);
}
