/** Formats numbers for people. */
import type { Point } from './operation.ts';

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

const scaled = (value: number, steps: readonly [number, string][]): string => {
  const [size, name] = steps.findLast(([least]) => value >= least) ?? steps[0] ?? [1, ''];
  return `${digits(value / size)} ${name}`;
};

export const duration = (ns: number): string =>
  scaled(ns, [
    [1, 'ns'],
    [1e3, 'µs'],
    [1e6, 'ms'],
    [1e9, 's'],
  ]);

export const size = (bytes: number): string =>
  scaled(bytes, [
    [1, 'B'],
    [2 ** 10, 'KiB'],
    [2 ** 20, 'MiB'],
    [2 ** 30, 'GiB'],
  ]).replace(/\.0+ /, ' ');

export const ratio = (value: number): string => `${digits(value)}x`;

/** Formats 1000000 as 10⁶. */
export function count(value: number): string {
  const power = Math.log10(value);
  return value >= 1000 && Number.isInteger(power) ? `10${'⁰¹²³⁴⁵⁶⁷⁸⁹'[power]}` : String(value);
}

/** Formats a point for its axis. */
export function pointName(point: Point, axis: string): string {
  if (typeof point === 'string') return point;
  return axis.includes('bytes') ? size(point).replace('.00', '') : count(point);
}
