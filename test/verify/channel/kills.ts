/**
 * Kills producers and consumers of channels at random, again and again, and checks every message: none torn, none twice
 * unless it is marked as redelivered, and none lost but the one that a killed consumer had taken. Consumers that read in
 * place lose only messages in fragments.
 *
 *     node test/verify/channel/kills.ts [--kills 10000] [--minutes N] [--sessions N] [--seed N]
 */
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

import { readFlags } from '../faults/support/options.ts';
import { milliseconds, percentile, report } from '../faults/support/report.ts';
import { runSession } from './session.ts';

const flags = readFlags('node test/verify/channel/kills.ts [--kills 100] [--minutes N] [--sessions N] [--seed N]', {
  kills: 100,
  minutes: 1e6,
  sessions: Math.max(2, availableParallelism()),
  seed: Date.now() % 1_000_000,
});
// Half of the time is the start of processes.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'shareable-compile-cache');

/** Returns numbers that are the same for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // xorshift
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const failures: string[] = [];
const sessions = Array.from({ length: flags.sessions }, async (_, index) => {
  const how = index % 2 === 0 ? 'receive' : 'read';
  const kills = Math.floor((flags.kills + index) / flags.sessions);
  const random = generator(flags.seed * 1000 + index + 1);
  const outcome = await runSession({ how, count: kills, random, until: flags.minutes * 60_000 });
  const { whole, fragmented } = outcome.missing;
  const taken = outcome.kills.consumers;
  if (whole + fragmented > taken) {
    failures.push(`${whole + fragmented} messages never came, but only ${taken} consumers were killed`);
  }
  if (how === 'read' && whole > 0) failures.push(`${whole} messages were lost that consumers read in place`);
  return { how, ...outcome };
});
const outcomes = await Promise.all(sessions);
const seconds = Math.round(performance.now() / 1000);

const rows = (['receive', 'read'] as const).map((how) => {
  const chosen = outcomes.filter((outcome) => outcome.how === how);
  const sum = (count: (outcome: (typeof chosen)[number]) => number) =>
    chosen.reduce((total, outcome) => total + count(outcome), 0);
  const times = chosen.flatMap((outcome) => outcome.times);
  return {
    consumers: how === 'read' ? 'read in place' : 'receive',
    'killed producers': sum(({ kills }) => kills.producers),
    'killed consumers': sum(({ kills }) => kills.consumers),
    messages: sum(({ messages }) => messages),
    'taken and lost': sum(({ missing }) => missing.whole + missing.fragmented),
    redelivered: sum(({ redelivered }) => redelivered),
    'came twice': sum(({ again }) => again),
    'median ms': milliseconds(percentile(times, 0.5)),
    '99 % ms': milliseconds(percentile(times, 0.99)),
    'longest ms': milliseconds(Math.max(...times)),
  };
});
const kills = outcomes.reduce((total, { times }) => total + times.length, 0);
report('channel-kills', rows, { seed: flags.seed, kills, seconds, rows }, failures);
