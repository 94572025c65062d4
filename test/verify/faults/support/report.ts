/** The report of the fault commands: a table, one line of JSON, and the exit code 1 for a leak. */

/** One line of a table. */
export type Row = Record<string, string | number>;

/** Rounds for a table: three digits that count. */
export function milliseconds(value: number): number {
  return Number(value.toPrecision(3));
}

/** The value below which `share` of `values` lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] === 'number'));
  return lines
    .map((line) =>
      line
        .map((cell, index) => (isNumber[index] ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Prints the result of a command and sets the exit code. */
export function report(command: string, rows: readonly Row[], facts: object, failures: readonly string[]): void {
  const SHOWN = 20;
  console.log(`\n${table(rows)}\n`);
  for (const failure of failures.slice(0, SHOWN)) console.log(`failed: ${failure}`);
  if (failures.length > SHOWN) console.log(`… and ${failures.length - SHOWN} more`);
  console.log(JSON.stringify({ command, ok: failures.length === 0, ...facts, failures: failures.length }));
  if (failures.length > 0) process.exitCode = 1;
}
