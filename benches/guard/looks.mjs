/**
 * For `unused.ts`, which counts the instructions: does what the package does in operations that publish something, as often as
 * the second argument says. The first one is `bare` for a loop without it, `look` for a look at channels without subscribers,
 * and `publish` for channels with a subscriber.
 */
import { channel } from 'node:diagnostics_channel';

const [mode, times = '0'] = process.argv.slice(2);
const sources = ['create', 'attach', 'close', 'unlink'].map((name) => channel(`shareable:${name}`));
if (mode === 'publish') for (const source of sources) source.subscribe(() => {});

function bare(count) {
  let found = 0;
  for (let i = 0; i < count; i++) if (sources[i & 3] !== undefined) found += 1;
  return found;
}

function look(count) {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const source = sources[i & 3];
    if (source.hasSubscribers) source.publish({ kind: 'SharedMemory', name: 'any' });
    else found += 1;
  }
  return found;
}

// In pieces, so that the engine can replace the function by a compiled one between them.
const PIECE = 1000;
for (let done = 0; done < Number(times); done += PIECE) {
  const found = (mode === 'bare' ? bare : look)(PIECE);
  if (found !== (mode === 'publish' ? 0 : PIECE)) throw new Error(`${mode} found ${found}`);
}
