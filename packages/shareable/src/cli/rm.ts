/** `shareable rm NAME...`. */
import { SharedMemoryError } from '../errors.js';
import type { Command } from './command.js';
import { attach } from './contents.js';
import type { Line } from './format.js';
import type { Segment } from './helper.js';
import { canList, listSegments, loadBinding, removeSegment } from './helper.js';
import type { Dialogue } from './prompt.js';
import { confirm, isInteractive, terminal } from './prompt.js';
import { toErrorShape } from './report.js';

/** What somebody may miss a segment for; undefined when nobody will. */
function use(segment: Segment | undefined): string | undefined {
  if (segment === undefined || segment.isInUse === null) return 'may be in use, which cannot be told here';
  const { isInUse, isTracked, owner } = segment;
  if (owner?.isAlive !== true) return isInUse ? 'is in use' : undefined;
  const who = `its ${isTracked ? 'owner' : 'creator'}, process ${owner.pid}, lives`;
  return isInUse ? `is in use, and ${who}` : `is not in use, but ${who}`;
}

/** A segment that is to be removed, and how. */
interface Target {
  /** See {@link use}. */
  readonly use: string | undefined;
  remove(): Promise<void>;
}

/** Removes segments one by one, after asking where it has to. */
class Remover {
  readonly #isForced: boolean;
  readonly #dialogue: Dialogue | undefined;
  /** What there is; undefined when it has to be looked at again. */
  #segments: readonly Segment[] | undefined;

  /** Without a dialogue nobody can be asked. */
  constructor(isForced: boolean, dialogue: Dialogue | undefined) {
    this.#isForced = isForced;
    this.#dialogue = dialogue;
  }

  /**
   * Removes one segment; false when the user says no.
   *
   * @throws {SegmentNotFoundError} `ENOENT`
   * @throws {SharedMemoryError} `ERR_SHM_IN_USE` when somebody may miss it and nobody can be asked
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
    // The system lists no segments, or none of this name: attaching says what is wrong.
    const binding = await loadBinding();
    const { handle } = attach(binding, name);
    return { use: use(undefined), remove: async () => binding.unlinkSegment(handle) };
  }

  async #ask(name: string, why: string): Promise<boolean> {
    const what = `segment '${name}' ${why}`;
    if (this.#dialogue === undefined) {
      throw new SharedMemoryError(
        `${what}: it was not removed. Who is attached to it would stay so, but nobody else could attach. ` +
          'To remove it all the same, add --force.',
        { code: 'ERR_SHM_IN_USE', segment: name },
      );
    }
    // People take their time.
    this.#segments = undefined;
    return confirm(`${what}. Who is attached to it stays so, but nobody else can attach. Remove it?`, this.#dialogue);
  }
}

export const rm: Command = {
  usage: 'rm NAME... [--force]',
  summary: 'remove segments',
  details: [
    'Processes that are attached to a segment keep it until they close it; nobody else can attach any more.',
    'One that is in use, or whose owner lives, is asked about on a terminal, and refused elsewhere without --force.',
  ],
  options: { force: { type: 'boolean', short: 'f', help: 'remove it whoever uses or owns it, and do not ask' } },
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
