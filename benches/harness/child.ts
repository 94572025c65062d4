/** Measures one contender at one point, in a process of its own: `node child.ts OPERATION CONTENDER POINT` prints a number. */
import type { Operation } from './operation.ts';

const [file = '', name = '', text = ''] = process.argv.slice(2);
const { default: operation } = (await import(`../operations/${file}.ts`)) as { default: Operation };
const measure = operation.contenders[name]?.measure;
if (measure === undefined) throw new Error(`${file} has no contender ${name} that runs in Node`);
const value = await measure(/^\d+$/.test(text) ? Number(text) : text);
process.stdout.write(`${value}\n`);
