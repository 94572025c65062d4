/** Checks the main package's tarball by publint and "are the types wrong". */
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** Returns the problems of the package in `tarball`. */
export async function checkTypes(tarball: Buffer): Promise<string[]> {
  const file = new Uint8Array(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: file.buffer }, level: 'suggestion', strict: true });
  const lints = messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);

  const analysis = await checkPackage(createPackageFromTarballData(file));
  if (!analysis.types) return [...lints, 'attw: the package has no types'];
  return [...lints, ...analysis.problems.map((problem) => `attw: ${JSON.stringify(problem)}`)];
}
