/**
 * Fuzzes all targets under AddressSanitizer, guided by coverage, two at a time, with the number of inputs for a push or a
 * night. `--keep` keeps interesting inputs, and `--merge` adds them to the corpus of the repository.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { readFlags } from '../faults/support/options.ts';
import { percentile, report, type Row } from '../faults/support/report.ts';
import { build, corpusPath, programPath, workPath } from './build.ts';

/**
 * Targets, the longest inputs that they get, as the fuzzer is as fast as inputs are short, and their share of the inputs:
 * one of the codec is a whole sequence of operations on a list, and none of it comes from untrusted writers.
 */
const targets = {
  list: { maxLength: 192, share: 1 },
  tracker: { maxLength: 128, share: 1 },
  manager: { maxLength: 128, share: 1 },
  handshake: { maxLength: 160, share: 1 },
  channel: { maxLength: 192, share: 0.1 },
  gate: { maxLength: 192, share: 0.1 },
  ledger: { maxLength: 512, share: 0.1 },
  trailer: { maxLength: 72, share: 0.1 },
  npy: { maxLength: 192, share: 0.1 },
  codec: { maxLength: 96, share: 0.1 },
};

/** The limits of an input: time, and memory at once and in total. */
const LIMITS = ['-timeout=10', '-malloc_limit_mb=1', '-rss_limit_mb=1024'];

const USAGE =
  'node test/verify/fuzz/all.ts [--inputs 10000000] [--only list,tracker] [--seed N] [--keep yes] [--merge yes]';
const flags = readFlags(USAGE, {
  inputs: 10_000_000,
  only: Object.keys(targets).join(','),
  seed: Date.now() % 1_000_000,
  keep: 'no',
  merge: 'no',
});

/** Runs a target's program, and returns its output at the end. */
async function start(target: string, options: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(programPath(target), options, {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Little memory between free and reuse keeps caches warm; nothing here has a stack slot that outlives its frame.
    env: {
      ...process.env,
      ASAN_OPTIONS: 'detect_stack_use_after_return=0:malloc_context_size=4:quarantine_size_mb=4',
    },
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-100_000)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const rows: Row[] = [];
const failures: string[] = [];

async function fuzz(target: string, { maxLength, share }: { maxLength: number; share: number }): Promise<void> {
  const wanted = Math.ceil(flags.inputs * share);
  const found = flags.keep === 'yes' ? join(workPath, 'found', target) : mkdtempSync(join(workPath, 'found-'));
  mkdirSync(found, { recursive: true });
  const options = [`-runs=${wanted}`, `-max_len=${maxLength}`, `-seed=${flags.seed}`, ...LIMITS];
  const artifacts = `-artifact_prefix=${join(workPath, `${target}-`)}`;
  const { code, output } = await start(target, [
    ...options,
    artifacts,
    '-print_final_stats=1',
    found,
    corpusPath(target),
  ]);
  if (flags.keep !== 'yes') rmSync(found, { recursive: true });
  const figure = (pattern: RegExp) => Number(output.match(pattern)?.[1] ?? 0);
  const inputs = figure(/stat::number_of_executed_units: +(\d+)/);
  const crashes = code === 0 ? 0 : 1;
  const coverage = Math.max(...[...output.matchAll(/ cov: (\d+)/g)].map(([, edges]) => Number(edges)), 0);
  const features = Math.max(...[...output.matchAll(/ ft: (\d+)/g)].map(([, count]) => Number(count)), 0);
  const rate = figure(/stat::average_exec_per_sec: +(\d+)/);
  const slowest = figure(/stat::slowest_unit_time_sec: +(\d+)/);
  rows.push({ target, inputs, 'inputs/s': rate, edges: coverage, features, 'slowest s': slowest, crashes });
  if (crashes > 0) failures.push(`${target} ended with ${code}:\n${output.slice(-6000)}`);
  else if (inputs < wanted) failures.push(`${target} had ${inputs} inputs only`);
}

/** Adds the smallest set of inputs that covers everything to the repository. */
async function merge(target: string): Promise<void> {
  const fresh = mkdtempSync(join(workPath, 'merged-'));
  const { code, output } = await start(target, [
    '-merge=1',
    fresh,
    corpusPath(target),
    join(workPath, 'found', target),
  ]);
  if (code === 0) {
    rmSync(corpusPath(target), { recursive: true });
    cpSync(fresh, corpusPath(target), { recursive: true });
  } else {
    failures.push(`the corpus of ${target} could not be merged:\n${output.slice(-2000)}`);
  }
  rmSync(fresh, { recursive: true });
}

build(flags.keep === 'yes');
const chosen = Object.entries(targets).filter(([target]) => flags.only.split(',').includes(target));
const waiting = [...chosen];
const lanes = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    await (flags.merge === 'yes' ? merge(next[0]) : fuzz(...next));
  }
});
await Promise.all(lanes);
if (flags.merge !== 'yes') {
  const total = rows.reduce((sum, row) => sum + Number(row['inputs']), 0);
  const median = percentile(
    rows.map((row) => Number(row['inputs/s'])),
    0.5,
  );
  report('fuzz', rows, { inputs: total, median, seed: flags.seed }, failures);
  const passed = rows.length - failures.length;
  console.log(`test result: ${failures.length === 0 ? 'ok' : 'FAILED'}. ${passed} passed; ${failures.length} failed`);
}
if (chosen.length === 0 || failures.length > 0) process.exitCode = 1;
