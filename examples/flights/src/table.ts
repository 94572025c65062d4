import { styleText } from 'node:util';
import Table from 'cli-table3';

const alignments = { l: 'left', r: 'right' } as const;
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Formats a table without lines. `align` has one letter for each column: `l` or `r`. */
export function table(head: string[], rows: readonly (readonly (string | undefined)[])[], align: string): string {
  const lines = new Table({
    head: head.map((title) => styleText('dim', title)),
    colAligns: [...align].map((letter) => alignments[letter as 'l' | 'r']),
    chars: noLines,
    // The library's colours ignore NO_COLOR.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) lines.push([...row]);
  return lines
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n');
}
