/** `shareable ls`. */
import type { Command, Result } from './command.js';
import { kindOf } from './contents.js';
import type { Entry } from './facts.js';
import { formatBoolean, formatOwner, isStale, toShape, uid } from './facts.js';
import type { Line, Piece } from './format.js';
import { count, formatAge, formatBytes, table } from './format.js';
import { listSegments, loadBinding } from './helper.js';

function describe(entries: readonly Entry[], now: number): Line[] {
  if (entries.length === 0) return ['There are no shared memory segments.'];
  const isAnyForeign = entries.some((entry) => entry.uid !== uid);
  const columns = [
    { title: 'NAME' },
    { title: 'KIND' },
    { title: 'SIZE', isRight: true },
    { title: 'RESIDENT', isRight: true },
    { title: 'TRACKED' },
    { title: 'IN USE' },
    { title: 'OWNER' },
    { title: 'AGE', isRight: true },
    ...(isAnyForeign ? [{ title: 'USER' }] : []),
  ];
  const rows = entries.map((entry): Piece[] => [
    entry.name,
    entry.kind ?? { text: 'unknown', style: 'dim' },
    formatBytes(entry.size),
    formatBytes(entry.residentBytes),
    formatBoolean(entry.isTracked),
    isStale(entry) ? { text: formatBoolean(entry.isInUse), style: 'warning' } : formatBoolean(entry.isInUse),
    formatOwner(entry),
    entry.createdAt === null ? { text: 'unknown', style: 'dim' } : formatAge(now - entry.createdAt),
    ...(isAnyForeign ? [entry.uid === uid ? '' : `uid ${entry.uid}`] : []),
  ]);
  return [...table(columns, rows), '', ...summarize(entries)];
}

function summarize(entries: readonly Entry[]): Line[] {
  const resident = entries.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  const stale = entries.filter(isStale).length;
  const lines: Line[] = [`${count(entries.length, 'segment')}, ${formatBytes(resident)} resident`];
  if (stale > 0) {
    const text = `${stale} left behind by crashed owners: 'shareable gc' removes ${stale === 1 ? 'it' : 'them'}`;
    lines.push({ text, style: 'warning' });
  }
  return lines;
}

async function look(): Promise<Result> {
  // Before attaching to anything, which would count as a use.
  const segments = await listSegments();
  const binding = await loadBinding();
  const entries = segments.map((segment): Entry => Object.assign(segment, kindOf(binding, segment)));
  return {
    json: () => ({ segments: entries.map((entry) => toShape(entry, entry)) }),
    lines: () => describe(entries, Date.now()),
  };
}

export const ls: Command = {
  usage: 'ls [--watch]',
  summary: 'list the shared memory segments of this machine',
  details: [
    'Oldest first. OWNER is the process that created a segment. TRACKED says whether it is removed when its owner ends.',
    'IN USE says whether a process has it open or mapped. A tracked segment that is not in use was left behind.',
    'With --watch it looks every second until Ctrl-C. A terminal shows the list in place; a pipe gets it when it changes.',
  ],
  options: {
    watch: { type: 'boolean', short: 'w', help: 'go on, and show every change' },
  },
  names: { min: 0, max: 0 },
  async run({ options }) {
    const result = await look();
    return options['watch'] === true ? { ...result, again: look } : result;
  },
};
