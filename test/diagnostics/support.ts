/** Records what the package publishes on its channels. */
import diagnostics from 'node:diagnostics_channel';

import type { DiagnosticsMessages } from 'shareable';
import { onTestFinished } from 'vitest';

/** A name of a channel, and a message of it. */
export type Published = {
  [Name in keyof DiagnosticsMessages]: [name: Name, message: DiagnosticsMessages[Name]];
}[keyof DiagnosticsMessages];

/** Records the messages of these channels about the segment `name`, or about any, until the end of the test. */
export function record(...names: (keyof DiagnosticsMessages)[]): Published[] {
  const published: Published[] = [];
  for (const name of names) {
    const listen = (message: unknown): void => void published.push([name, message] as Published);
    diagnostics.subscribe(name, listen);
    onTestFinished(() => void diagnostics.unsubscribe(name, listen));
  }
  return published;
}

/** Resolves with the next message of a channel. */
export async function next<Name extends keyof DiagnosticsMessages>(name: Name): Promise<DiagnosticsMessages[Name]> {
  const { promise, resolve } = Promise.withResolvers<DiagnosticsMessages[Name]>();
  const listen = (message: unknown): void => resolve(message as DiagnosticsMessages[Name]);
  diagnostics.subscribe(name, listen);
  try {
    return await promise;
  } finally {
    diagnostics.unsubscribe(name, listen);
  }
}
