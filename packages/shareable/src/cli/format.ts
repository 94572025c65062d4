/** Formats text for people: styled pieces, tables, sizes and times. Pure: `output.ts` prints it. */

/** The meaning of a piece of text, which becomes its colour. */
export type Style = 'heading' | 'dim' | 'good' | 'warning' | 'bad';

/** A piece of a line. It may contain any text of a segment or its name, because printing escapes it. */
export type Piece = string | { readonly text: string; readonly style: Style };

/** One line, without its end. */
export type Line = Piece | readonly Piece[];

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Whether it is aligned to the right, as numbers are. */
  readonly isRight?: boolean;
}

/** Characters that move the cursor, change colours, reorder the line, or are invisible. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT = new Map([
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
]);

/** Escapes everything in `text` that a terminal acts on or that ends the line. */
export function escape(text: string): string {
  return text.replace(UNSAFE, (bad) => SHORT.get(bad) ?? `\\u{${bad.codePointAt(0)?.toString(16)}}`);
}

/** Formats JSON in one line, with the same characters escaped. It parses to the same value. */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (bad) =>
    // By UTF-16 unit, as JSON has it.
    Array.from({ length: bad.length }, (_, at) => `\\u${bad.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** Returns the text of a piece as it is printed. */
export function plain(piece: Piece): string {
  return escape(typeof piece === 'string' ? piece : piece.text);
}

/** Longer cells do not widen their column: they move the rest of their own row only. */
const WIDEST = 64;

/**
 * Formats rows under a heading, in columns two spaces apart. The last column is not padded.
 *
 * A library could do it, but the package has no dependencies, so that it installs from two files.
 */
export function table(columns: readonly Column[], rows: readonly (readonly Piece[])[]): Line[] {
  const heading = columns.map(({ title }): Piece => ({ text: title, style: 'heading' }));
  const all = [heading, ...rows];
  const widths = columns.map((_, at) => {
    const lengths = all.map((row) => plain(row[at] ?? '').length);
    return lengths.reduce((width, length) => (length <= WIDEST ? Math.max(width, length) : width), 0);
  });
  return all.map((row) =>
    columns.flatMap(({ isRight = false }, at): Piece[] => {
      const piece = row[at] ?? '';
      const space = ' '.repeat(Math.max((widths[at] as number) - plain(piece).length, 0));
      const gap = at === 0 ? '' : '  ';
      if (isRight) return [gap + space, piece];
      return at === columns.length - 1 ? [gap, piece] : [gap, piece, space];
    }),
  );
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Formats a number of bytes, such as `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return '1 byte';
  let amount = bytes;
  let unit = 0;
  // A value that rounds to 1024.0 is 1.0 of the next unit.
  while (amount >= 1023.95 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Formats a span of time, such as `3 min`. */
export function formatAge(milliseconds: number): string {
  // Clocks can be set back.
  const age = Math.max(0, milliseconds);
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min`;
  if (age < 2 * DAY) return `${Math.floor(age / HOUR)} h`;
  return `${Math.floor(age / DAY)} days`;
}

/** `1 segment`, `2 segments`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Bytes in a row of a dump. */
const ROW = 16;

/** Formats bytes in rows of sixteen: the offset, the bytes in hexadecimal, and the printable ASCII. */
export function* hexDump(bytes: Uint8Array, start: number): Generator<Line> {
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = Array.from(bytes.subarray(at, at + ROW));
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
    const left = hex.slice(0, ROW / 2).join(' ');
    const right = hex.slice(ROW / 2).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    const offset = (start + at).toString(16).padStart(8, '0');
    yield [{ text: offset, style: 'dim' }, `  ${left}  ${right}`.padEnd(ROW * 3 + 3), `  |${text}|`];
  }
}
