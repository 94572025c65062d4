/**
 * Measures every operation beside its competitors: `pnpm bench`. Prints tables. A full run also writes
 * `docs/bench/results.json`, the plots beside it, and the figures in `docs/performance.md` and `GOALS.md`.
 *
 *     pnpm bench [OPERATION…] [--quick] [--rounds N] [--python PATH] [--list]
 *
 * The beginning of several names selects all of them: `pnpm bench channel`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { describeMachine } from './harness/machine.ts';
import { installPeers } from './harness/peers.ts';
import { describe, printReport } from './harness/report.ts';
import type { Report } from './harness/report.ts';
import { loadOperation, operationNames, runOperation } from './harness/run.ts';
import { findPython } from './harness/toolchain.ts';
import { publish, resultsFile } from './publish.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    python: { type: 'string', default: 'python3' },
  },
});
const all = operationNames();
/** The operations that an argument selects. */
const selected = (name: string): string[] =>
  all.includes(name) ? [name] : all.filter((one) => one.startsWith(`${name}-`));
const unknown = positionals.filter((name) => selected(name).length === 0);
if (values.list || unknown.length > 0) {
  console.log(unknown.length > 0 ? `no such operation: ${unknown.join(', ')}; there are:` : 'operations:');
  for (const name of all) console.log(`  ${name.padEnd(20)} ${(await loadOperation(name)).title}`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const names = positionals.length > 0 ? [...new Set(positionals.flatMap(selected))] : all;
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const started = performance.now();
const python = findPython(values.python);
// A quick run skips competitors that must be installed.
const peers = values.quick ? [] : installPeers(python.path);
const installed = new Set(peers.filter((peer) => peer.installed).map((peer) => peer.name));
const report = (line: string): void => {
  process.stderr.write(`${Math.round((performance.now() - started) / 1000)} s: ${line}\n`);
};

const operations: Report['operations'] = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, describe(await loadOperation(name))] as const)),
);
const results = [];
for (const name of names) {
  results.push(
    ...(await runOperation(name, { rounds, quick: values.quick, python: python.path, peers: installed, report })),
  );
}
const found: Report = {
  date: new Date().toISOString().slice(0, 10),
  command: ['pnpm bench', ...process.argv.slice(2)].join(' '),
  machine: describeMachine(python.version),
  rounds,
  peers,
  operations,
  results,
};
console.log(`\n${printReport(found)}`);
for (const { name, version, installed: isThere, note } of peers) {
  console.log(`${name} ${version}: ${isThere ? 'measured' : 'not installed'}${note === '' ? '' : `; ${note}`}`);
}
console.log(`${Math.round((performance.now() - started) / 1000)} s`);
if (!values.quick && positionals.length === 0) {
  mkdirSync(new URL('.', resultsFile), { recursive: true });
  writeFileSync(resultsFile, `${JSON.stringify(found, undefined, 1)}\n`);
  publish(found);
}
