/**
 * Compiles the package to CommonJS, in a few files. A call within a file costs no property of a module, and there is one copy of
 * the classes however the package is loaded: the ES modules beside these files only pass their exports on.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig } from 'rolldown';

const { engines, version } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'));

/** What the command line uses before it loads the addon, so that it can report what is wrong with it. */
const BASE =
  /[\\/]src[\\/](?:errors|manifest|options|array[\\/](?:dtypes|shape)|native[\\/](?:call-site|own-file))\.ts$/;

/** A bundler that makes an ES module leaves no `require` for the modules of Node. This works in every format. */
const builtins = {
  name: 'builtins',
  renderChunk: (code) => ({
    code: code.replaceAll(/^(let \w+ = )require\(("node:[\w/]+")\)/gm, '$1process.getBuiltinModule($2)'),
    // No source is on these lines.
    map: null,
  }),
};

/** What the ES module of `shareable/arrow` shares with the CommonJS file. */
const arrowCore = {
  name: 'arrow-core',
  resolveId: (id, importer) =>
    importer !== undefined && id.startsWith('./') ? { id: './core.js', external: true } : undefined,
};

const commonjs = defineConfig({
  input: {
    index: 'src/index.ts',
    testing: 'src/testing.ts',
    'arrow/index': 'src/arrow/index.ts',
    'cli/main': 'src/cli/main.ts',
    // A file of its own for the tests, which have no terminal.
    'cli/prompt': 'src/cli/prompt.ts',
  },
  platform: 'node',
  external: [/^node:/, /^@shareable\//, /^apache-arrow/],
  transform: {
    target: 'es2022',
    define: { SHAREABLE_VERSION: JSON.stringify(version), SHAREABLE_NODE: JSON.stringify(engines.node) },
  },
  plugins: [builtins],
  output: {
    dir: 'dist',
    format: 'cjs',
    exports: 'named',
    esModule: false,
    strict: true,
    // V8 checks each use of a `const` of a CommonJS file, which makes `Slots.get` too long to be inlined: 20 % slower.
    topLevelVar: true,
    generatedCode: { symbols: false },
    comments: { legal: false, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [
        { name: 'base', test: BASE, priority: 1 },
        { name: 'core', test: /[\\/]src[\\/](?!cli|arrow|index|testing)/ },
        { name: 'cli/parts', test: /[\\/]src[\\/]cli[\\/](?:format|prompt)\.ts$/ },
        { name: 'arrow/core', test: /[\\/]src[\\/]arrow[\\/](?!index)/ },
      ],
    },
  },
});

/** The one part that is there twice: a program that imports `apache-arrow` has another build of it than one that requires it. */
const arrow = defineConfig({
  input: { 'arrow/index': './src/arrow/index.ts' },
  platform: 'node',
  external: ['apache-arrow'],
  transform: { target: 'es2022' },
  plugins: [arrowCore],
  output: {
    dir: 'dist',
    format: 'esm',
    comments: { legal: false, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
    entryFileNames: '[name].mjs',
  },
});

export default [commonjs, arrow];
