#!/usr/bin/env node
/** The command line: `shareable COMMAND …`. */
import { parseArgs } from 'node:util';

import { version } from '../manifest.js';
import type { Command, Result } from './command.js';
import { UsageError } from './command.js';
import { doctor } from './doctor.js';
import type { Line } from './format.js';
import { gc } from './gc.js';
import { describeCommand, describeProgram } from './help.js';
import { inspect } from './inspect.js';
import { ls } from './ls.js';
import { Output } from './output.js';
import { isExpected, toErrorShape } from './report.js';
import { rm } from './rm.js';
import { watch } from './watch.js';

/** The version of the JSON shapes. It is raised when a field is removed or changes its meaning. */
const JSON_VERSION = 1;

const commands = new Map<string, Command>(Object.entries({ ls, inspect, rm, gc, doctor }));
const out = new Output(process.stdout);
const err = new Output(process.stderr);

/** Finds the command in `args`, and returns the rest of them. */
function choose(args: readonly string[]): { command: Command; rest: string[] } {
  const at = args.findIndex((arg) => !arg.startsWith('-'));
  const name = args[at];
  if (name === undefined) throw new UsageError(`a command is missing; the commands are ${list()}`);
  const command = commands.get(name);
  if (command === undefined) throw new UsageError(`there is no command '${name}'; the commands are ${list()}`);
  return { command, rest: args.filter((_, index) => index !== at) };
}

function list(): string {
  return [...commands.keys()].join(', ');
}

function parse(command: Command, args: string[]): ReturnType<typeof parseArgs> {
  try {
    const options = { ...command.options, json: { type: 'boolean' as const } };
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Describes the number of names that a command takes. */
function count({ names: { min, max } }: Command): string {
  if (max === 0) return 'no names';
  return `${min}${max === min ? '' : ' or more'} ${min === 1 && max === 1 ? 'name' : 'names'}`;
}

async function run(command: Command, args: string[]): Promise<Result> {
  const { values, positionals: names } = parse(command, args);
  const { min, max } = command.names;
  if (names.length < min || names.length > max)
    throw new UsageError(`expected ${count(command)}, got ${names.length}: shareable ${command.usage}`);
  return command.run({
    names,
    options: values as Record<string, string | boolean | undefined>,
    isJson: values['json'] === true,
  });
}

async function complain(error: unknown, isJson: boolean): Promise<void> {
  if (isJson) return err.printJson({ version: JSON_VERSION, error: toErrorShape(error) });
  const lines: Line[] = [];
  const message = error instanceof Error ? error.message : String(error);
  lines.push([{ text: 'shareable: ', style: 'bad' }, message]);
  // This is a bug in the command line: its report needs the stack.
  if (!isExpected(error)) lines.push(...((error as Error | undefined)?.stack ?? '').split('\n').slice(1));
  if (error instanceof UsageError) lines.push("See 'shareable --help'.");
  return err.print(lines);
}

/** Prints the help or the version if `own` options ask for it. Returns the exit code then. */
async function explain(args: readonly string[], own: readonly string[]): Promise<number | undefined> {
  const isHelp = own.includes('--help') || own.includes('-h');
  if (!own.every((arg) => arg.startsWith('-'))) {
    if (!isHelp) return undefined;
    await out.print(describeCommand(choose(args).command));
  } else if (isHelp) {
    await out.print(describeProgram(commands));
  } else if (own.includes('--version') || own.includes('-v')) {
    await out.print([version]);
  } else {
    if (args.length > 0) return undefined;
    await err.print(describeProgram(commands));
    return 2;
  }
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  // Only names follow `--`.
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined);
  const isJson = own.includes('--json');
  try {
    const explained = await explain(args, own);
    if (explained !== undefined) return explained;
    const { command, rest } = choose(args);
    const result = await run(command, rest);
    const { errors = [], isBad = false, again } = result;
    const print = ({ json, lines }: Result) =>
      isJson ? out.printJson({ version: JSON_VERSION, ...json() }) : out.print(lines());
    if (again !== undefined) {
      const printNext = async (next: Result, isFirst: boolean) => {
        if (!isFirst && !isJson) await out.print(['']);
        await print(next);
      };
      return await watch(out, again, printNext, out.isTerminal && !isJson);
    }
    await print(result);
    for (const error of errors) await complain(error, isJson);
    return errors.length > 0 || isBad ? 1 : 0;
  } catch (error) {
    await complain(error, isJson);
    return error instanceof UsageError ? 2 : 1;
  }
}

// A reader such as `head` closes the pipe when it has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => {});
void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
