/** `shareable rm NAME...`. */
import { LayoutError, SegmentNotFoundError, SharedMemoryError } from '../errors.js';
import type { Command } from './command.js';
import { attach } from './contents.js';
import type { Line } from './format.js';
import type { Segment } from './helper.js';
import { canList, listSegments, loadBinding, removeSegment } from './helper.js';
import type { Dialogue } from './prompt.js';
import { confirm, isInteractive, terminal } from './prompt.js';
import { toErrorShape } from './report.js';

/** Returns why a segment may still be needed, or undefined when it is not. */
function use(segment: Segment | undefined): string | undefined {
  if (segment === undefined || segment.isInUse === null) return 'may be in use: this system does not tell';
  const { isInUse, isTracked, owner } = segment;
  if (owner?.isAlive !== true) return isInUse ? 'is in use' : undefined;
  const who = `its ${isTracked ? 'owner' : 'creator'}, process ${owner.pid}, is alive`;
  return isInUse ? `is in use, and ${who}` : `is not in use, but ${who}`;
}

/** A segment that is to be removed, and how. */
interface Target {
  /** See {@link use}. */
  readonly use: string | undefined;
  remove(): Promise<void>;
}

/** Removes what has a name and cannot be attached to, because its creator died while it made it, or it is damaged. */
async function removeDamaged(name: string, cause: LayoutError): Promise<void> {
  try {
    // Its identity cannot be read.
    await removeSegment({ name, device: '0', inode: '0' });
  } catch (error) {
    throw error instanceof SegmentNotFoundError ? cause : error;
  }
}

/** Removes segments one by one, and asks before removing one that may be needed. */
class Remover {
  readonly #isForced: boolean;
  readonly #dialogue: Dialogue | undefined;
  /** The existing segments, or undefined when they must be listed again. */
  #segments: readonly Segment[] | undefined;

  /** Without a dialogue, no question can be asked. */
  constructor(isForced: boolean, dialogue: Dialogue | undefined) {
    this.#isForced = isForced;
    this.#dialogue = dialogue;
  }

  /**
   * Removes one segment. Returns false when the user says no.
   *
   * @throws {SegmentNotFoundError} `ENOENT`
   * @throws {SharedMemoryError} `ERR_SHM_IN_USE` when it may be needed and no question can be asked
   */
  async remove(name: string): Promise<boolean> {
    const target = await this.#find(name);
    if (target.use !== undefined && !this.#isForced && !(await this.#ask(name, target.use))) return false;
    await target.remove();
    return true;
  }

  async #find(name: string): Promise<Target> {
    if (canList) this.#segments ??= await listSegments();
    const segment = this.#segments?.find((candidate) => candidate.name === name);
    if (segment !== undefined) return { use: use(segment), remove: () => removeSegment(segment) };
    // The system does not list segments, or not this one: attaching fails with the reason.
    const binding = await loadBinding();
    try {
      const { handle } = attach(binding, name);
      return { use: use(undefined), remove: async () => binding.unlinkSegment(handle) };
    } catch (error) {
      if (!(error instanceof LayoutError) || error.code === 'EAGAIN') throw error;
      return { use: use(undefined), remove: async () => removeDamaged(name, error) };
    }
  }

  async #ask(name: string, why: string): Promise<boolean> {
    const what = `segment '${name}' ${why}`;
    if (this.#dialogue === undefined) {
      throw new SharedMemoryError(
        `${what}: it was not removed. Existing attachments would keep working, but no process could attach any more. ` +
          'To remove it anyway, add --force.',
        { code: 'ERR_SHM_IN_USE', segment: name },
      );
    }
    // The answer can take a while, so list the segments again afterwards.
    this.#segments = undefined;
    return confirm(
      `${what}. Existing attachments keep working, but no process can attach any more. Remove it?`,
      this.#dialogue,
    );
  }
}

export const rm: Command = {
  usage: 'rm NAME... [--force]',
  summary: 'remove segments',
  details: [
    'Existing attachments keep working until they are closed. No process can attach any more.',
    'Asks before it removes a segment that is in use or whose owner is alive. Without a terminal, it refuses that.',
  ],
  options: { force: { type: 'boolean', short: 'f', help: 'remove segments without asking, even if they are in use' } },
  names: { min: 1, max: Number.POSITIVE_INFINITY },
  async run({ names, options, isJson }) {
    const dialogue = isInteractive(terminal) && !isJson ? terminal : undefined;
    const remover = new Remover(options['force'] === true, dialogue);
    const removed: string[] = [];
    const failed: { name: string; error: unknown }[] = [];
    const lines: Line[] = [];
    for (const name of names) {
      try {
        if (await remover.remove(name)) {
          removed.push(name);
          lines.push(`removed '${name}'`);
        } else {
          lines.push(`left '${name}' alone`);
        }
      } catch (error) {
        failed.push({ name, error });
      }
    }
    return {
      json: () => ({ removed, failed: failed.map(({ name, error }) => ({ name, error: toErrorShape(error) })) }),
      lines: () => lines,
      errors: failed.map(({ error }) => error),
    };
  },
};
