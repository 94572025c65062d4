/** What `once` can leave behind: the segment, and the gate that its maker holds. */
import { createHash } from 'node:crypto';

import { expect } from 'vitest';

import { exists } from './segments.ts';

/** The gate of a name, as `once` forms it. */
export function gateOf(name: string): string {
  return `once_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
}

/** Whether the segment of a name exists, or its gate. */
export function leftOf(name: string): string[] {
  return [name, gateOf(name)].filter(exists);
}

/** Waits until the trackers of processes that died have removed everything. */
export async function expectNothingLeft(names: Iterable<string>): Promise<void> {
  await expect.poll(() => [...names].flatMap(leftOf)).toEqual([]);
}
