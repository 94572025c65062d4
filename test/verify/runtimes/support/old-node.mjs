/**
 * Loaded before anything else into all processes of the suite on Node 20 and 22: has TypeScript read from the mirror that
 * `mirror.ts` makes, and adds what the tests, but not the package, use of later versions' library.
 */
import { createRequire, register } from 'node:module';

const require = createRequire(import.meta.url);

/** Later ones need none of it; they come by here when a test starts another Node. */
const isOld = Number.parseInt(process.versions.node, 10) < 24;

if (isOld) register('./old-node-hooks.mjs', import.meta.url);
// Where the built-in objects are frozen, nothing can be added.
if (isOld && !process.execArgv.includes('--frozen-intrinsics')) {
  for (const addition of ['async-disposable-stack', 'disposable-stack', 'iterator', 'promise/with-resolvers']) {
    require(`core-js/actual/${addition}`);
  }
}
