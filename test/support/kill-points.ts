/** Where a traced process can be killed: the system calls that it made after a mark. */

/** A system call of a thread, by its name and by how often the thread had made it, this time included. */
export interface Point {
  call: string;
  when: number;
}

/**
 * Whether a call changes nothing that another process could see, so that a kill there is one at the next call: the engine
 * makes many of these when it collects garbage.
 */
function isPrivate(line: string, files: ReadonlySet<string>): boolean {
  const [, call, address = ''] = /^\d+ +(\w+)\((\w*)/.exec(line) ?? [];
  if (call === 'mmap') return line.includes('MAP_ANONYMOUS');
  // A segment is no longer in use.
  if (call === 'munmap') return !files.has(address);
  return call === 'futex' || call === 'madvise' || call === 'mprotect';
}

/** The calls of the marking thread after its mark, from the output of `strace -f`, that may matter to other processes. */
export function pointsIn(trace: string): Point[] {
  const lines = trace.split('\n');
  const thread = lines.find((line) => line.includes('the-mark'))?.split(' ')[0] ?? 'none';
  const counts = new Map<string, number>();
  const points: Point[] = [];
  /** Where files are mapped. */
  const files = new Set<string>();
  let isMarked = false;
  let isMappingFile = false;
  for (const line of lines) {
    if (line.split(' ')[0] !== thread) continue;
    if (/^\d+ +mmap\(/.test(line)) isMappingFile = !line.includes('MAP_ANONYMOUS');
    const [, mapped] = /(?:\bmmap\(|mmap resumed>).* = (0x[\da-f]+)$/.exec(line) ?? [];
    if (mapped !== undefined && isMappingFile) files.add(mapped);
    const [, call] = /^\d+ +(\w+)\(/.exec(line) ?? [];
    if (call === undefined) continue;
    const when = (counts.get(call) ?? 0) + 1;
    counts.set(call, when);
    if (isMarked && !isPrivate(line, files)) points.push({ call, when });
    isMarked ||= line.includes('the-mark');
  }
  return points;
}
