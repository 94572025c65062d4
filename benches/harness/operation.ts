/** An operation and its contenders. Each file of `operations/` exports one. */

/** A list's length, a size in bytes, a number of processes or a type of value. */
export type Point = number | string;

/** One way of doing an operation. */
export interface Contender {
  /** A program beside the operation's file, or `measure` here. */
  readonly kind: 'node' | 'python' | 'c';
  /** Its name in tables and plots. */
  readonly title: string;
  /** Checks the operation's result, then returns its cost in the operation's unit. */
  readonly measure?: (point: Point) => number | Promise<number>;
  /** The largest point to measure, and why. */
  readonly upTo?: { readonly point: number; readonly because: string };
  /** The only points that it supports. */
  readonly only?: readonly Point[];
  /** The package of npm or PyPI that it measures, installed on demand. */
  readonly peer?: string;
  /** More flags for Node. */
  readonly flags?: readonly string[];
}

/** One operation, measured at points along an axis. */
export interface Operation {
  /** One line: what is measured. */
  readonly title: string;
  readonly unit: 'ns' | 'bytes';
  /** What the points are. */
  readonly axis: string;
  readonly points: readonly Point[];
  /** The points of a quick run. */
  readonly quick: readonly Point[];
  /** The contenders by short names. The first is ours. */
  readonly contenders: Readonly<Record<string, Contender>>;
}

type Measure<P extends Point> = (point: P) => number | Promise<number>;
type Extras = Partial<Pick<Contender, 'upTo' | 'only' | 'peer' | 'flags'>>;

/** A candidate that is measured in Node, by a function that gets the point. */
export function node<P extends Point>(title: string, measure: Measure<P>, extras: Extras = {}): Contender {
  return { kind: 'node', title, measure: measure as Measure<Point>, ...extras };
}

/** This library. */
export function ours<P extends Point>(measure: Measure<P>, extras: Extras = {}): Contender {
  return node('shareable', measure, extras);
}

/** CPython, by the `.py` beside the operation. */
export function cpython(extras: Extras & { title?: string } = {}): Contender {
  return { kind: 'python', title: 'CPython', ...extras };
}

/** The floor: the same operation without a runtime, by the `.c` beside the operation. */
export function floor(extras: Extras & { title?: string } = {}): Contender {
  return { kind: 'c', title: 'C', ...extras };
}

/** 10, 100, … to 10 to the power of `last`. */
export function powers(last: number): number[] {
  return Array.from({ length: last }, (_, i) => 10 ** (i + 1));
}

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
