/** `shareable inspect NAME`. */
import type * as Binding from '../native/binding.js';
import type { NativeChannelSummary, NativeGateSummary } from '../native/binding.js';
import { outOfRange } from '../errors.js';
import type { Command, Result } from './command.js';
import { integerOption } from './command.js';
import type { Contents } from './contents.js';
import { open, summarize } from './contents.js';
import { indexOf, readElements, toShape as toElementShape } from './elements.js';
import { formatBoolean, formatMode, formatOwner, toShape } from './facts.js';
import type { Line, Piece } from './format.js';
import { count, formatAge, formatBytes, hexDump } from './format.js';
import type { Segment } from './helper.js';
import { findSegment, loadBinding } from './helper.js';
import { readItems, showItem, toShape as toItemShape } from './items.js';
import { toErrorShape } from './report.js';

/** The default numbers of slots and of bytes to show. */
const ITEMS = 100;
const BYTES = 256;

/** The requested part of a segment's bytes. */
interface Excerpt {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function excerpt(bytes: Uint8Array, offset: number, length: number): Excerpt {
  if (offset > bytes.length)
    throw outOfRange(`offset ${offset} is past the end: the segment has ${bytes.length} bytes`);
  return { offset, bytes: bytes.subarray(offset, offset + length) };
}

function toBytesShape({ offset, bytes }: Excerpt): object {
  return { offset, length: bytes.length, hex: Buffer.from(bytes).toString('hex') };
}

/** What the codecs with these numbers are called. */
const CODECS = ['', 'bytes', 'text', 'json', 'clone'];
const STRUCT = 0x8000;

function nameCodec(id: number): string {
  return CODECS[id] ?? (id >= STRUCT ? `struct (${id})` : `${id}`);
}

function* describeChannel(
  { capacity, used, codec, producers, consumers, isShut }: NativeChannelSummary,
  row: (title: string, ...value: Piece[]) => Line,
): Generator<Line> {
  yield row('kind', isShut ? 'channel, shut down' : 'channel');
  yield row('capacity', `${formatBytes(capacity)} (${capacity} bytes)`);
  yield row('used', `${formatBytes(used)} (${used} bytes)`);
  yield row('peers', `${count(producers, 'producer')}, ${count(consumers, 'consumer')}`);
  yield row('codec', nameCodec(codec));
}

/** What each kind shows beside its name. */
function stateOf(kind: string | null, gate: NativeGateSummary): string {
  const { limit, taken, isWriting, phase, isBroken, version, codec, capacity } = gate;
  switch (kind) {
    case 'value':
      return `version ${version}, codec ${nameCodec(codec)}, at most ${count(capacity, 'byte')}`;
    case 'semaphore':
      return `${taken} of ${count(limit, 'permit')} held`;
    case 'event':
      return phase % 2 === 1 ? 'set' : 'not set';
    case 'rwlock':
      return isWriting ? 'written' : taken > 0 ? `read by ${taken}` : 'free';
    case 'barrier':
      return isBroken ? 'broken' : `${taken} of ${limit} parties have arrived`;
    default:
      return 'ready';
  }
}

/** A semaphore, event or the like for programs. */
function toGateShape(kind: string | null, gate: NativeGateSummary): object {
  const { limit, taken, isWriting, phase, isBroken, waiting, version, codec, capacity } = gate;
  return {
    limit,
    taken,
    isWriting,
    isSet: kind === 'event' && phase % 2 === 1,
    isBroken,
    waiting,
    version,
    codec: kind === 'value' ? nameCodec(codec) : null,
    capacity,
  };
}

function* describeGate(
  contents: Contents,
  gate: NativeGateSummary,
  row: (title: string, ...value: Piece[]) => Line,
): Generator<Line> {
  const { kind } = summarize(contents);
  yield row('kind', String(kind));
  yield row('state', stateOf(kind, gate));
  yield row('waiting', count(gate.waiting, 'participant'));
}

function* describeFacts(name: string, contents: Contents, segment: Segment | undefined): Generator<Line> {
  const row = (title: string, ...value: Piece[]): Line => [{ text: title.padEnd(10), style: 'heading' }, ...value];
  const { size, list, array, channel, gate, layoutError } = contents;
  yield row('name', name);
  yield row('size', size < 1024 ? count(size, 'byte') : `${formatBytes(size)} (${size} bytes)`);
  if (array !== undefined) {
    const order = array.isFortran ? ' in Fortran order' : '';
    yield row('kind', `array of ${count(array.length, 'element')}`);
    yield row('elements', `${array.dtype}, shape (${array.shape.join(', ')})${order}, from byte ${array.dataStart}`);
  } else if (channel !== undefined) yield* describeChannel(channel, row);
  else if (gate !== undefined) yield* describeGate(contents, gate, row);
  else if (list === undefined) yield row('kind', 'raw', { text: ` (${layoutError?.message})`, style: 'dim' });
  else yield row('kind', `list of ${count(list.length, 'slot')}`);
  if (segment === undefined) return;
  const { residentBytes, isTracked, isInUse, owner, origin, createdAt, uid, mode } = segment;
  yield row('resident', formatBytes(residentBytes));
  yield row('tracked', formatBoolean(isTracked));
  yield row('in use', formatBoolean(isInUse));
  yield row('owner', owner?.isAlive === true ? `${owner.pid} (alive)` : formatOwner(segment));
  if (origin !== null) yield row('origin', origin);
  if (createdAt !== null) {
    yield row('created', `${new Date(createdAt).toISOString()}, ${formatAge(Date.now() - createdAt)} ago`);
  }
  yield row('user', `uid ${uid}, mode ${formatMode(mode)}`);
}

function* describeBytes({ offset, bytes }: Excerpt, size: number): Generator<Line> {
  yield '';
  yield* hexDump(bytes, offset);
  const rest = size - offset - bytes.length;
  if (rest > 0) yield { text: `… ${count(rest, 'more byte')}: see --offset, --length and --all`, style: 'dim' };
}

function* describeItems(binding: typeof Binding, contents: Contents, shown: number, isWhole: boolean): Generator<Line> {
  const length = contents.list?.length ?? 0;
  yield '';
  if (length === 0) return;
  const width = Math.max('INDEX'.length, String(shown - 1).length);
  yield { text: `${'INDEX'.padStart(width)}  FORMAT    VALUE`, style: 'heading' };
  for (const item of readItems(binding, contents, shown)) {
    yield [String(item.index).padStart(width), `  ${item.format.padEnd(8)}  `, showItem(item, isWhole)];
  }
  if (shown < length) {
    yield { text: `… ${count(length - shown, 'more slot')}: see --limit and --all`, style: 'dim' };
  }
}

function* describeElements(contents: Contents, shown: number): Generator<Line> {
  const { array } = contents;
  if (array === undefined || array.length === 0) return;
  yield '';
  const width = Math.max('INDEX'.length, indexOf(array, array.length - 1).length);
  yield { text: `${'INDEX'.padStart(width)}  VALUE`, style: 'heading' };
  for (const [place, value] of readElements(contents, shown).entries()) {
    yield `${indexOf(array, place).padStart(width)}  ${String(value)}`;
  }
  const rest = array.length - shown;
  if (rest > 0) yield { text: `… ${count(rest, 'more element')}: see --limit and --all`, style: 'dim' };
}

export const inspect: Command = {
  usage: 'inspect NAME [--limit N] [--hex] [--offset N] [--length N] [--all]',
  summary:
    "show a segment: a list's values and formats, an array's elements, the state of a channel or a semaphore, or the bytes of any other",
  details: [
    'The segment is never changed. On Linux, it is attached to read-only.',
    'What reads as nothing that this package makes is shown as bytes, with the reason.',
  ],
  options: {
    limit: {
      type: 'string',
      argument: 'N',
      help: `show N slots of a list or elements of an array (default: ${ITEMS})`,
    },
    hex: { type: 'boolean', help: 'show bytes, also of a list, an array, a channel or a semaphore' },
    offset: { type: 'string', argument: 'N', help: 'show bytes from offset N (default: 0)' },
    length: { type: 'string', argument: 'N', help: `show N bytes (default: ${BYTES})` },
    all: { type: 'boolean', help: 'show everything, without shortening values' },
  },
  names: { min: 1, max: 1 },
  async run(call): Promise<Result> {
    const name = call.names[0] as string;
    const isWhole = call.options['all'] === true;
    const limit = integerOption(call, 'limit', isWhole ? Number.MAX_SAFE_INTEGER : ITEMS);
    const offset = integerOption(call, 'offset', 0);
    const length = integerOption(call, 'length', isWhole ? Number.MAX_SAFE_INTEGER : BYTES);
    const isHex = ['hex', 'offset', 'length'].some((option) => call.options[option] !== undefined);
    // Before attaching, which would count as a use.
    const found = await findSegment(name);
    const binding = await loadBinding();
    const contents = open(binding, name);
    const { list, array, channel, gate, layoutError } = contents;
    const dump =
      (list === undefined && array === undefined && channel === undefined && gate === undefined) || isHex
        ? excerpt(contents.bytes(), offset, length)
        : undefined;
    const { kind, length: total } = summarize(contents);
    const shown = dump === undefined ? Math.min(limit, total ?? 0) : 0;
    return {
      json: () => ({
        segment: toShape({ name, size: contents.size, kind, length: total }, found),
        array: array === undefined ? null : toElementShape(contents, array, shown),
        channel: channel === undefined ? null : { ...channel, codec: nameCodec(channel.codec) },
        primitive: gate === undefined ? null : toGateShape(kind, gate),
        items:
          dump === undefined && list !== undefined
            ? Array.from(readItems(binding, contents, shown), toItemShape)
            : null,
        bytes: dump === undefined ? null : toBytesShape(dump),
        layoutError: layoutError === undefined ? null : toErrorShape(layoutError),
      }),
      *lines() {
        yield* describeFacts(name, contents, found);
        if (dump === undefined && array !== undefined) yield* describeElements(contents, shown);
        else if (dump === undefined) yield* describeItems(binding, contents, shown, isWhole);
        else yield* describeBytes(dump, contents.size);
      },
    };
  },
};
