/** The supported versions of Node, as installed by `test/package.json`. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** One Node. */
export interface Node {
  /** The name of the package it comes from, such as `node20`. */
  name: string;
  major: number;
  /** The executable; `undefined` where the package is not installed, as on other platforms. */
  path: string | undefined;
}

const require = createRequire(import.meta.url);

function find(name: string): string | undefined {
  let manifest: string;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: string | { node: string } };
  const path = join(dirname(manifest), typeof bin === 'string' ? bin : bin.node);
  return existsSync(path) ? path : undefined;
}

/** Every supported version, oldest first. */
export const nodes: Node[] = [20, 22, 24, 26].map((major) => ({
  name: `node${major}`,
  major,
  path: find(`node${major}`),
}));

/**
 * The versions that can run here, oldest first. The packages are builds for Linux on x64; elsewhere the Node that runs the tests
 * stands in for them.
 */
export const installedNodes: readonly (Node & { path: string })[] = nodes.some(({ path }) => path !== undefined)
  ? nodes.flatMap((node) => (node.path === undefined ? [] : [{ ...node, path: node.path }]))
  : [{ name: 'node', major: Number(process.versions.node.split('.')[0]), path: process.execPath }];
