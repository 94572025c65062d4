/** `shareable doctor`. */
import { checkLimits, checkMemoryLimit, checkMount, checkSegment, checkSpace, checkStale } from './checks-memory.js';
import type { Check } from './checks.js';
import { checkAddon, checkHelper, checkNode, checkPlatform } from './checks.js';
import { checkDoorbell } from './checks-waiting.js';
import type { Command } from './command.js';
import type { Line, Style } from './format.js';
import { count } from './format.js';

const MARKS: Readonly<Record<Check['status'], { text: string; style: Style }>> = {
  ok: { text: 'ok', style: 'good' },
  warning: { text: 'warning', style: 'warning' },
  problem: { text: 'problem', style: 'bad' },
  unavailable: { text: '-', style: 'dim' },
};

function* describe(checks: readonly Check[]): Generator<Line> {
  const width = Math.max(...checks.map(({ id }) => id.length));
  const indent = ' '.repeat('warning'.length + width + 4);
  for (const { id, status, message, advice } of checks) {
    const { text, style } = MARKS[status];
    yield [{ text: text.padEnd('warning'.length), style }, `  ${id.padEnd(width)}  ${message}`];
    if (advice !== null) yield `${indent}${advice}`;
  }
  yield '';
  const [problems, warnings] = (['problem', 'warning'] as const).map(
    (wanted) => checks.filter(({ status }) => status === wanted).length,
  ) as [number, number];
  if (problems > 0) yield { text: `${count(problems, 'problem')}, ${count(warnings, 'warning')}`, style: 'bad' };
  else if (warnings > 0) yield { text: `This machine works, with ${count(warnings, 'warning')}.`, style: 'warning' };
  else yield { text: 'This machine works.', style: 'good' };
}

async function examine(): Promise<Check[]> {
  const { check: addon, binding } = await checkAddon();
  const helper = await checkHelper(binding);
  const hasHelper = helper.status === 'ok';
  return [
    checkNode(),
    checkPlatform(),
    addon,
    helper,
    checkMount(),
    checkSpace(),
    await checkMemoryLimit(hasHelper),
    await checkSegment(binding, hasHelper),
    ...checkLimits(),
    await checkDoorbell(),
    await checkStale(hasHelper),
  ];
}

export const doctor: Command = {
  usage: 'doctor',
  summary: 'check whether this machine is set up for shared memory, and say what to change',
  details: ['Changes nothing. The exit code is 1 if there is a problem, and 0 with warnings only.'],
  options: {},
  names: { min: 0, max: 0 },
  async run() {
    const checks = await examine();
    const isBad = checks.some(({ status }) => status === 'problem');
    return { json: () => ({ isFit: !isBad, checks }), lines: () => describe(checks), isBad };
  },
};
