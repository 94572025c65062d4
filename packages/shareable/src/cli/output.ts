/** Prints all text for the user. */
import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import * as util from 'node:util';

import type { Line, Piece, Style } from './format.js';
import { plain, toJson } from './format.js';

const STYLES = { heading: 'bold', dim: 'dim', good: 'green', warning: 'yellow', bad: 'red' } as const;

/** The number of characters that are collected before a write. */
const CHUNK = 64 * 1024;

/** A stream that people or programs read. */
export class Output {
  readonly #stream: NodeJS.WritableStream;
  readonly #hasColors: boolean;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    const terminal = stream as WriteStream;
    // The stream knows about NO_COLOR and similar variables.
    this.#hasColors = terminal.isTTY && terminal.hasColors();
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
