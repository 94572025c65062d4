/** Prints the final table of `pnpm test:platforms`, as in docs/platforms.md. */
import type { Report } from './report.ts';

const kibibytes = (bytes: number | undefined) => (bytes === undefined ? '' : `${Math.round(bytes / 1024)} KiB`);

function row({ target, how, built, passed, failed, skipped, sizes, seconds }: Report): string[] {
  const isChecked = passed === 0 && failed === 0;
  return [
    target,
    built ? how : `failed: ${how}`,
    isChecked ? '' : String(passed),
    isChecked ? '' : String(failed),
    isChecked ? '' : String(skipped.length),
    kibibytes(sizes?.addon),
    kibibytes(sizes?.helper),
    `${seconds} s`,
  ];
}

/** Prints one row per target, then the skipped and the failed tests. */
export function printTable(reports: readonly Report[]): void {
  const rows = [['target', 'how', 'passed', 'failed', 'skipped', 'addon', 'helper', 'took'], ...reports.map(row)];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  console.log([line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n'));
  for (const { target, skipped, failures = [] } of reports) {
    if (skipped.length > 0) console.log(`\n${target} skipped:`);
    for (const { file, name, reason } of skipped) {
      console.log(`  ${[file, name].filter((part) => part !== undefined).join(': ')}: ${reason}`);
    }
    if (failures.length > 0) console.log(`\n${target} failed:\n${failures.map((what) => `  ${what}`).join('\n')}`);
  }
}
