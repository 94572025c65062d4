/** Where a traced process can be killed: the system calls that it made after a mark. */

/** A system call of a thread, by its name and by how often the thread had made it, this time included. */
export interface Point {
  call: string;
  when: number;
}

/** The calls of the marking thread after its mark, from the output of `strace -f`. */
export function pointsIn(trace: string): Point[] {
  const lines = trace.split('\n');
  const thread = lines.find((line) => line.includes('the-mark'))?.split(' ')[0] ?? 'none';
  const counts = new Map<string, number>();
  const points: Point[] = [];
  let isMarked = false;
  for (const line of lines) {
    const [, by, call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (by !== thread) continue;
    const when = (counts.get(call) ?? 0) + 1;
    counts.set(call, when);
    if (isMarked) points.push({ call, when });
    isMarked ||= line.includes('the-mark');
  }
  return points;
}
