/** What a tracker says of segments that were left behind. */

/** One segment of a warning. */
export interface Leak {
  name: string;
  size: number;
  /** `file:line:column`, without the folders; `undefined` when the warning has none. */
  place: string | undefined;
}

/** A warning: how many segments it counts, and those that it names. */
export interface Warning {
  count: number;
  leaks: Leak[];
}

const LINE = /^resource_tracker: There appear to be (\d+) leaked shared_memory objects to clean up at shutdown: (.*)$/;
const LEAK = /^(\S+) \((\d+) bytes(?:, created at (\S+))?\)$/;

/** The warnings in what a process and its tracker have written. */
export function warningsIn(stderr: string): Warning[] {
  return stderr.split('\n').flatMap((line) => {
    const [, count, list = ''] = LINE.exec(line) ?? [];
    if (count === undefined) return [];
    const leaks = list.split(/, (?!created)/).flatMap((item) => {
      const [, name = '', size, place] = LEAK.exec(item) ?? [];
      return name === '' ? [] : [{ name, size: Number(size), place: place?.slice(place.lastIndexOf('/') + 1) }];
    });
    return [{ count: Number(count), leaks }];
  });
}
