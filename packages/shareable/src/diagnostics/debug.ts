/** `NODE_DEBUG=shareable`: prints on standard error what the package publishes. */
import type { Channel } from 'node:diagnostics_channel';
import { debuglog, inspect } from 'node:util';

const PREFIX = 'shareable:';

const log = debuglog('shareable');

/** Whether `NODE_DEBUG` names the package where `util.debuglog` does not tell. Bun and Deno have only parts of it. */
function isNamed(): boolean {
  const { Deno } = globalThis as { Deno?: { permissions: { querySync(of: object): { state: string } } } };
  if (process.versions['bun'] === undefined && Deno === undefined) return false;
  // Deno would ask its user for the permission to read the variable.
  const permission = Deno?.permissions.querySync({ name: 'env', variable: 'NODE_DEBUG' });
  const isAllowed = permission === undefined || permission.state === 'granted';
  const sections = isAllowed ? (process.env['NODE_DEBUG'] ?? '').split(',') : [];
  return sections.some((section) => ['*', 'shareable'].includes(section.trim().toLowerCase()));
}

/** Whether `NODE_DEBUG` names the package. */
export const isDebugged: boolean = log.enabled || isNamed();

function print(line: string): void {
  if (log.enabled) log('%s', line);
  else process.stderr.write(`SHAREABLE ${process.pid}: ${line}\n`);
}

/** Formats a message in one line: `create kind='SharedMemory' name='psm_…' size=64 isOwner=true`. */
function format(name: string, message: object): string {
  const facts = Object.entries(message)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      if (value instanceof Error) return `${key}=${(value as NodeJS.ErrnoException).code ?? value.name}`;
      const text = typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : inspect(value);
      return `${key}=${text}`;
    });
  return [name.slice(PREFIX.length), ...facts].join(' ');
}

/** Prints the messages of these channels, if `NODE_DEBUG` names the package. */
export function printMessages(channels: ReadonlyMap<string, Channel>): void {
  if (!isDebugged) return;
  for (const [name, channel] of channels) {
    channel.subscribe((message) => print(format(name, message as object)));
  }
}
