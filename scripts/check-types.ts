/** What publint and "are the types wrong" say of the main package's tarball. */
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/**
 * That a CommonJS file gets an ES module is meant: every supported Node can `require` one. It concerns the mode
 * `node16` of TypeScript only, which is older than that.
 */
const MEANT = new Set(['CJSResolvesToESM']);

/** The problems with the package in `tarball`. */
export async function checkTypes(tarball: Buffer): Promise<string[]> {
  const file = new Uint8Array(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: file.buffer }, level: 'suggestion', strict: true });
  const lints = messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);

  const analysis = await checkPackage(createPackageFromTarballData(file));
  if (!analysis.types) return [...lints, 'attw: the package has no types'];
  const wrong = analysis.problems.filter(({ kind }) => !MEANT.has(kind));
  return [...lints, ...wrong.map((problem) => `attw: ${JSON.stringify(problem)}`)];
}
