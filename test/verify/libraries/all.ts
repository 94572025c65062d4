/**
 * Checks what the documentation says of other libraries against the libraries themselves: which of them work on shared
 * arrays and tables in place. They take 400 MB, so this runs at night.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { allocateTable } from 'shareable/arrow';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'node_modules/.cache/shareable/libraries');

const npm = {
  '@tensorflow/tfjs-backend-cpu': '4.22.0',
  '@tensorflow/tfjs-core': '4.22.0',
  ndarray: '1.0.19',
  'onnxruntime-node': '1.30.0',
  sharp: '0.35.5',
};
const python = ['pyarrow==26.0.1', 'duckdb==2.0.1', 'polars==2.1.0'];

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { cwd: folder, stdio: 'inherit' });
}

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies: npm }));
run('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error');
// Beside the libraries, where it finds them.
copyFileSync(join(import.meta.dirname, 'check.mjs'), join(folder, 'check.mjs'));
run(process.execPath, 'check.mjs', join(root, 'packages/shareable/dist/index.js'));

run('python3', '-m', 'venv', 'python');
const interpreter = join(folder, 'python/bin/python');
run(interpreter, '-m', 'pip', 'install', '--quiet', ...python);
using rows = allocateTable({ x: 'float64', id: 'int32' }, 1000);
rows.columns.x.forEach((_, i, x) => (x[i] = i));
rows.columns.id.fill(7);
run(interpreter, join(import.meta.dirname, 'check.py'), rows.name);
console.log('every library does what the documentation says');
