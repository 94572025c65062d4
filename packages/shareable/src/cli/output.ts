/** Prints all text for the user. */
import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import * as util from 'node:util';

import type { Line, Piece, Style } from './format.js';
import { plain, toJson } from './format.js';

const STYLES = { heading: 'bold', dim: 'dim', good: 'green', warning: 'yellow', bad: 'red' } as const;

/** The number of characters that are collected before a write. */
const CHUNK = 64 * 1024;

/** Control sequences of terminals: ECMA-48, and xterm's private modes. */
const ESC = '\u001B';
const HIDE_CURSOR = `${ESC}[?25l`;
const SHOW_CURSOR = `${ESC}[?25h`;
const NO_WRAP = `${ESC}[?7l`;
const WRAP = `${ESC}[?7h`;
const ERASE_REST_OF_LINE = `${ESC}[K`;
const ERASE_BELOW = `${ESC}[J`;
const CLEAR = `${ESC}[2J${ESC}[H`;

/** A stream that people or programs read. */
export class Output {
  readonly #stream: NodeJS.WritableStream;
  readonly #hasColors: boolean;
  /** Whether it is a terminal, where lines can be drawn in place. */
  readonly isTerminal: boolean;
  /** The number of lines that {@link draw} has drawn. */
  #drawn = 0;
  #isDrawing = false;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    const terminal = stream as WriteStream;
    // The stream knows about NO_COLOR and similar variables.
    this.#hasColors = terminal.isTTY && terminal.hasColors();
    this.isTerminal = terminal.isTTY === true;
  }

  /** Prints lines as fast as they are read. */
  async print(lines: Iterable<Line>): Promise<void> {
    let text = '';
    for (const line of lines) {
      text += `${this.render(line)}\n`;
      if (text.length >= CHUNK) {
        await this.#write(text);
        text = '';
      }
    }
    await this.#write(text);
  }

  /** Prints one value as a line of JSON. */
  async printJson(value: unknown): Promise<void> {
    await this.#write(`${toJson(value)}\n`);
  }

  /**
   * Draws lines in place of those that it drew before. What does not fit the terminal is left out: moving up by lines works
   * only for lines that are on it.
   */
  async draw(lines: Iterable<Line>): Promise<void> {
    // A terminal that does not know its size has 0 rows, for example that of script(1) in a program without a terminal.
    const rows = (this.#stream as WriteStream).rows || 24;
    const all = Array.from(lines, (line) => this.render(line));
    const room = Math.max(rows - 1, 1);
    const shown = all.length <= room ? all : [...all.slice(0, room - 1), `… ${all.length - room + 1} more lines`];
    const up = this.#drawn === 0 ? '' : `${ESC}[${this.#drawn}A`;
    const start = this.#isDrawing ? '\r' : HIDE_CURSOR;
    if (!this.#isDrawing) (this.#stream as WriteStream).on('resize', () => this.#clear());
    this.#isDrawing = true;
    this.#drawn = shown.length;
    const text = shown.map((line) => `${line}${ERASE_REST_OF_LINE}\n`).join('');
    await this.#write(`${start}${NO_WRAP}${up}${text}${ERASE_BELOW}${WRAP}`);
  }

  /** Leaves what is drawn, and gives the terminal back as it was. */
  finishDrawing(): void {
    if (this.#isDrawing) this.#stream.write(SHOW_CURSOR);
    this.#isDrawing = false;
  }

  /** Another width breaks lines anew, so that nobody knows how many there are. */
  #clear(): void {
    this.#drawn = 0;
    this.#stream.write(CLEAR);
  }

  /** Formats a line for printing. */
  render(line: Line): string {
    const pieces: readonly Piece[] = Array.isArray(line) ? line : [line];
    return pieces
      .map((piece) => this.#paint(plain(piece), typeof piece === 'string' ? undefined : piece.style))
      .join('');
  }

  #paint(text: string, style: Style | undefined): string {
    if (style === undefined || !this.#hasColors || text === '') return text;
    return util.styleText(STYLES[style], text, { validateStream: false });
  }

  async #write(text: string): Promise<void> {
    if (text !== '' && !this.#stream.write(text)) await once(this.#stream, 'drain');
  }
}
