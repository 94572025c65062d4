/**
 * The question that every process answers about its rows: how many flights were there, and how
 * late did they arrive, by hour of departure, by distance, and by airport at either end?
 *
 * All answers are integers, so that adding up partial results is exact and their order is of no
 * matter. This is the only place that computes them: workers and the single-process check share it.
 */
import type { Columns } from './columns.ts';

/** A flight counts as late from here on: the definition of the US Department of Transportation. */
export const lateFrom = 15;

/** Flights of 500 miles more fall into the next band; the last one is open-ended. */
export const bandMiles = 500;
const bands = 6;
const hours = 24;

/** The totals are one flat row of integers, three for each group. */
const fields = 3;

export interface Group {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly lateFlights: number;
}

/** The slot at which each family of groups begins. */
function starts(airports: number): Record<'hour' | 'band' | 'origin' | 'destination', number> {
  const band = hours * fields;
  const origin = band + bands * fields;
  return { hour: 0, band, origin, destination: origin + airports * fields };
}

export function slotCount(airports: number): number {
  return (hours + bands + 2 * airports) * fields;
}

/** The number of airports that totals have room for. */
export function airportsIn(totals: Float64Array): number {
  return (totals.length / fields - hours - bands) / 2;
}

/** Rows between two reports of progress. */
const stride = 65_536;

export function tally(columns: Columns, airports: number, onProgress?: (rowsDone: number) => void): Float64Array {
  const totals = new Float64Array(slotCount(airports));
  const rows = columns.minute.length;
  for (let start = 0; start < rows; start += stride) {
    const end = Math.min(start + stride, rows);
    tallyRows(columns, start, end, airports, totals);
    onProgress?.(end);
  }
  return totals;
}

function tallyRows(
  { minute, delay, distance, origin, destination }: Columns,
  start: number,
  end: number,
  airports: number,
  totals: Float64Array,
): void {
  const at = starts(airports);
  for (let row = start; row < end; row++) {
    const minutesLate = delay[row]!;
    const late = minutesLate >= lateFrom ? 1 : 0;
    const hour = Math.floor(minute[row]! / 60) % hours;
    const band = Math.min(Math.floor(distance[row]! / bandMiles), bands - 1);
    count(totals, at.hour + hour * fields, minutesLate, late);
    count(totals, at.band + band * fields, minutesLate, late);
    count(totals, at.origin + origin[row]! * fields, minutesLate, late);
    count(totals, at.destination + destination[row]! * fields, minutesLate, late);
  }
}

function count(totals: Float64Array, slot: number, minutesLate: number, late: number): void {
  totals[slot]! += 1;
  totals[slot + 1]! += minutesLate;
  totals[slot + 2]! += late;
}

/** The answer: the totals with names on. */
export interface Answer {
  readonly hours: Group[];
  readonly bands: Group[];
  readonly origins: Group[];
  readonly destinations: Group[];
}

export function answerFrom(totals: Float64Array, airports: number): Answer {
  const at = starts(airports);
  const groups = (start: number, length: number): Group[] =>
    Array.from({ length }, (_, index) => {
      const slot = start + index * fields;
      return {
        flights: totals[slot]!,
        delayMinutes: totals[slot + 1]!,
        lateFlights: totals[slot + 2]!,
      };
    });
  return {
    hours: groups(at.hour, hours),
    bands: groups(at.band, bands),
    origins: groups(at.origin, airports),
    destinations: groups(at.destination, airports),
  };
}

/** Throws unless both runs came to the same integers. */
export function assertSame(name: string, actual: Float64Array, expected: Float64Array): void {
  const slot = expected.findIndex((value, index) => actual[index] !== value);
  if (slot === -1) return;
  throw new Error(`${name} computed ${actual[slot]} in slot ${slot}, where one process alone has ${expected[slot]}`);
}
