/** The arguments that several classes take, and their checks, which run before any system call. */
import { inspect } from 'node:util';

import { checkSignal } from './abort.js';
import { callSite } from './native/call-site.js';
import { invalidType, outOfRange } from './errors.js';

/** How to create a segment. */
export interface CreateOptions {
  /** Its name, without a leading slash. Default: a random one, `psm_` (Windows: `wnsm_`) and 26 characters. */
  name?: string | undefined;
  /**
   * Whether the instance that creates the segment owns it. With `true`, the default, it is unlinked at the end of the
   * `using` scope, or when the process ends. With `false` it outlives its creator, until a process calls `unlink()`.
   */
  track?: boolean | undefined;
  /**
   * Whether each page gets its memory when it is first touched, as in CPython. Default: false, all of it is set aside at
   * once, so that no later write can fail. Creating a large sparse segment takes no time, and what is never touched takes
   * no memory. If none is left when a page is touched, what is written there is lost, and the next use of the segment
   * throws an `OutOfSharedMemoryError` (`ENOSPC`). Only Linux gives the choice.
   */
  sparse?: boolean | undefined;
  /**
   * Permission bits, 0 to 0o777. As with any file, the process's umask takes bits away, unless {@link exactMode} is set.
   * macOS ignores the umask: the mode is always exact there.
   * Default: 0o600, this user only. Windows has no such bits.
   */
  mode?: number | undefined;
  /**
   * Whether {@link mode} applies as it is, whatever the umask: `mode: 0o660, exactMode: true` lets the group write under
   * the usual umask of 0o022. Default: false.
   */
  exactMode?: boolean | undefined;
}

/** What can be given up while it is under way. */
export interface Abortable {
  /** Gives the call up when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** How to attach to a segment. */
export interface AttachOptions {
  /**
   * Whether to keep this process's writes out of the segment. Default: false.
   *
   * Do not write through such an attachment: JavaScript has no read-only buffers, so a write does not throw. It stays in
   * this process, and from then on this attachment no longer sees what others write to the same memory page (4096 bytes).
   * `set` and `add` of a list throw.
   */
  readOnly?: boolean | undefined;
  /** Whether to accept a segment of another user. Default: false, because such a user can take a name before you do. */
  allowForeign?: boolean | undefined;
}

/** What the `toJSON()` of a class returns, and its `attach()` accepts in another process. */
export interface Handle<Type extends string> {
  /** The class. */
  readonly type: Type;
  /** The segment's name. */
  readonly name: string;
}

/** An option for the package's own use: the number of the manager that owns what is created. */
export const managed: unique symbol = Symbol('managed');

interface Managed {
  [managed]?: number;
}

/** {@link CreateOptions}, complete. */
export interface CheckedCreateOptions {
  name?: string;
  track: boolean;
  mode: number;
  exactMode: boolean;
  sparse?: true;
  /** Where the call came from. */
  origin?: string;
  /** See {@link managed}. */
  manager?: number;
}

/** {@link AttachOptions}, complete. */
export interface CheckedAttachOptions {
  readOnly: boolean;
  allowForeign: boolean;
}

/** Makes the error for an argument of the wrong type. */
export function wrongType(what: string, expected: string, actual: unknown): TypeError {
  return invalidType('ERR_INVALID_ARG_TYPE', `${what} must be ${expected}, not ${inspect(actual, { depth: 0 })}`);
}

/** Checks an integer from `min` to `max`. */
export function checkInteger(what: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw wrongType(what, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(`${what} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** Checks a segment's size in bytes. */
export function checkSize(size: unknown): number {
  return checkInteger('the size of a segment', size, 1, Number.MAX_SAFE_INTEGER);
}

/** Checks that a name is well-formed text. The core checks the rules of the system. */
export function checkName(name: unknown): string {
  if (typeof name !== 'string') throw wrongType('the name of a segment', 'a string', name);
  if (!name.isWellFormed()) {
    throw invalidType('ERR_INVALID_ARG_VALUE', `segment name ${inspect(name)} contains a lone surrogate`);
  }
  return name;
}

/** Checks a boolean option, and fills in its default. */
export function checkBoolean(what: string, value: unknown, preset: boolean): boolean {
  if (value === undefined) return preset;
  if (typeof value !== 'boolean') throw wrongType(what, 'a boolean', value);
  return value;
}

/**
 * Checks an options object: that it is one, and that it has no options but the `known` ones. A misspelt option would
 * otherwise change nothing and say nothing.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no object, `ERR_INVALID_ARG_VALUE` for an unknown option
 */
export function checkOptions<Options extends object>(
  options: Options | undefined,
  known: readonly (string & keyof Options)[],
): Partial<Options> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  for (const key of Object.keys(options)) {
    if (!(known as readonly string[]).includes(key) && options[key as keyof Options] !== undefined) {
      throw unknownOption(key, known);
    }
  }
  return options;
}

function unknownOption(key: string, known: readonly string[]): TypeError {
  const meant = known.find((name) => name.toLowerCase() === key.toLowerCase());
  const hint = meant === undefined ? `the options here are ${known.join(', ')}` : `did you mean ${meant}?`;
  return invalidType('ERR_INVALID_ARG_VALUE', `unknown option ${inspect(key)}: ${hint}`);
}

/** The names of {@link CreateOptions}, and those that are left when the name is an argument of its own. */
const NAMELESS_OPTIONS = ['track', 'mode', 'exactMode', 'sparse'] as const;
const CREATE_OPTIONS = ['name', ...NAMELESS_OPTIONS] as const;

/** Checks and completes the {@link CreateOptions} of a call to `method`. */
export function checkCreateOptions(
  options: CreateOptions | undefined,
  method: (...args: never[]) => unknown,
): CheckedCreateOptions {
  return completeCreateOptions(checkOptions<CreateOptions & Managed>(options, CREATE_OPTIONS), method);
}

/** The same for a `method` that takes the name as an argument. Without a `method` the caller is not looked for. */
export function checkNamelessOptions(
  options: Omit<CreateOptions, 'name'> | undefined,
  method?: (...args: never[]) => unknown,
): CheckedCreateOptions {
  return completeCreateOptions(checkOptions(options, NAMELESS_OPTIONS), method);
}

/** The same for a `method` that can be aborted. */
export function checkAbortableCreateOptions(
  options: (CreateOptions & Abortable) | undefined,
  method: (...args: never[]) => unknown,
): { checked: CheckedCreateOptions; signal: AbortSignal | undefined } {
  const { signal, ...others } = checkOptions<CreateOptions & Abortable & Managed>(options, [
    ...CREATE_OPTIONS,
    'signal',
  ]);
  return { checked: completeCreateOptions(others, method), signal: checkSignal(signal) };
}

function completeCreateOptions(
  options: CreateOptions & Managed,
  method: ((...args: never[]) => unknown) | undefined,
): CheckedCreateOptions {
  const { name, track, mode, exactMode, sparse, [managed]: manager } = options;
  const checked: CheckedCreateOptions = {
    track: checkBoolean('option track', track, true),
    mode: mode === undefined ? 0o600 : checkInteger('option mode', mode, 0, 0o777),
    exactMode: checkBoolean('option exactMode', exactMode, false),
  };
  if (name !== undefined) checked.name = checkName(name);
  if (manager !== undefined) checked.manager = manager;
  if (checkBoolean('option sparse', sparse, false)) checked.sparse = true;
  if (checked.track && method !== undefined) checked.origin = callSite(method);
  return checked;
}

/** Checks and completes {@link AttachOptions}. */
export function checkAttachOptions(options: AttachOptions | undefined): CheckedAttachOptions {
  const { readOnly, allowForeign } = checkOptions(options, ['readOnly', 'allowForeign']);
  return {
    readOnly: checkBoolean('option readOnly', readOnly, false),
    allowForeign: checkBoolean('option allowForeign', allowForeign, false),
  };
}

/** Returns the name in the target of `attach`: a name, or a handle of the class. */
export function checkTarget<Type extends string>(target: string | Handle<Type>, type: Type): string {
  if (typeof target === 'string') return checkName(target);
  if (typeof target !== 'object' || target === null)
    throw wrongType('the target of attach', 'a name or a handle', target);
  const { type: actual, name } = target as Partial<Handle<string>>;
  if (actual === undefined) {
    throw invalidType(
      'ERR_INVALID_ARG_VALUE',
      `this object is not the handle of a ${type}: it has no type. Send the result of its toJSON(), such as shm.toJSON()`,
    );
  }
  if (actual !== type) {
    throw invalidType(
      'ERR_INVALID_ARG_VALUE',
      `this is not the handle of a ${type}: its type is ${inspect(actual, { depth: 0 })}`,
    );
  }
  return checkName(name);
}
