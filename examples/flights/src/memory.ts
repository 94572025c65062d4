import { readFile } from 'node:fs/promises';
import { resourceUsage } from 'node:process';

/** The memory of a process, in bytes. */
export interface Memory {
  /** The most that was ever resident. It counts shared pages in full for every process. */
  readonly peakResident: number;
  /**
   * What is resident now, with each shared page divided by the number of processes that map it. The
   * sum over all processes is their memory together. `null` where the system does not report it.
   */
  readonly proportional: number | null;
}

export async function measureMemory(): Promise<Memory> {
  // Not `maxRSS` on Linux, because a forked process inherits its parent's value.
  const peak = await kilobytes('/proc/self/status', 'VmHWM');
  const proportional = await kilobytes('/proc/self/smaps_rollup', 'Pss');
  return {
    peakResident: (peak ?? resourceUsage().maxRSS) * 1024,
    proportional: proportional === null ? null : proportional * 1024,
  };
}

/** Returns the number of a `Name: 123 kB` line of a file under /proc, or `null`. */
async function kilobytes(file: string, name: string): Promise<number | null> {
  try {
    const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(await readFile(file, 'utf8'));
    return line ? Number(line[1]) : null;
  } catch {
    return null; // Not Linux, or a container that hides it.
  }
}
