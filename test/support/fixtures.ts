/** Where the programs are that tests start: each suite keeps its own in a folder `fixtures`. */
import { fileURLToPath } from 'node:url';

/** Returns the path of a fixture: `test/lock/fixtures/peer.ts` for `lock/peer.ts`. */
export function pathOfFixture(name: string): string {
  const [, suite = '', file = ''] = /^(.*)\/([^/]+)$/.exec(name) ?? [];
  return fileURLToPath(new URL(`../${suite}/fixtures/${file}`, import.meta.url));
}
