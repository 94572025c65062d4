/** The smallest test of an addon and a helper: two processes share memory, and a crash leaves nothing. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../../../../scripts/targets/commands.ts';
import type { Target } from '../../../../scripts/targets/targets.ts';
import { filesOf } from '../../../../scripts/targets/targets.ts';
import type { Counts } from './report.ts';
import type { Sandbox } from './sandbox.ts';
import { runIn } from './sandbox.ts';

/** Puts the program and the package side by side into a folder. Returns the program's path. */
export function prepareSmoke(folder: string): string {
  // The package as installed: only its own files, without dependencies.
  const place = join(folder, 'node_modules/shareable');
  mkdirSync(place, { recursive: true });
  cpSync(join(root, 'packages/shareable/package.json'), join(place, 'package.json'));
  cpSync(join(root, 'packages/shareable/dist'), join(place, 'dist'), { recursive: true });
  const script = join(folder, 'smoke.mjs');
  cpSync(join(import.meta.dirname, '../fixtures/smoke.mjs'), script);
  return script;
}

/** Runs the program by that Node, with what was built in `built`. */
export async function runSmoke(sandbox: Sandbox, node: string, built: string, target: Target): Promise<Counts> {
  const files = filesOf(target);
  const script = prepareSmoke(join(built, 'smoke'));
  const env = {
    ...sandbox.env,
    SHAREABLE_ADDON: join(built, files.addon),
    SHAREABLE_HELPER: join(built, files.helper),
  };
  const { code, output } = await runIn({ ...sandbox, env }, join(built, 'smoke'), [node, script], 300_000);
  console.error(output);
  const of = (outcome: string) => [...output.matchAll(/^(ok|failed): (.*)$/gm)].filter((line) => line[1] === outcome);
  const failures = of('failed').map((line) => line[2] ?? '');
  if (code !== 0 && failures.length === 0) failures.push(`the smoke test ended with ${code}`);
  return { passed: of('ok').length, failures, skipped: [] };
}
