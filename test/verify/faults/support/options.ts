/** The flags of the fault commands. */
import { parseArgs } from 'node:util';

/** Reads `--name value` for each of `defaults`, a number where the default is one; an unknown flag ends the process. */
export function readFlags<Flags extends Record<string, number | string>>(usage: string, defaults: Flags): Flags {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]));
  try {
    const { help, ...values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } }).values;
    if (help === true) {
      console.log(usage);
      process.exit(0);
    }
    const given = values as Record<string, string | undefined>;
    return Object.fromEntries(
      Object.entries(defaults).map(([name, preset]) => [name, parse(name, given[name], preset)]),
    ) as Flags;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

function parse(name: string, text: string | undefined, preset: number | string): number | string {
  if (text === undefined || typeof preset === 'string') return text ?? preset;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not '${text}'`);
  return value;
}
