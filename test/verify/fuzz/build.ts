/** Builds the fuzz targets by plain Cargo, with the flags that libFuzzer needs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const crate = join(root, 'crates/core/fuzz');

/** The folder for builds and findings. */
export const workPath = join(process.env['CARGO_TARGET_DIR'] ?? join(root, 'target'), 'fuzz');

/** The compiler's name for this machine. */
export const triple = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] ?? '';

/** Coverage of the core only, not of the targets and libraries. */
const COVERAGE = [
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=2',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
];

/** Shows compared values to the fuzzer. It finds more in a night, and is a third slower. */
const COMPARES = '-Cllvm-args=-sanitizer-coverage-trace-compares';

/** The corpus of a target. */
export const corpusPath = (target: string): string => join(crate, 'corpus', target);

/** The program of a target. */
export const programPath = (target: string): string => join(workPath, triple, 'release', target);

/** Builds all targets, thorough or fast. Sanitizers are unstable options, which the stable compiler accepts on request. */
export function build(isThorough: boolean): void {
  mkdirSync(workPath, { recursive: true });
  const flags = [...COVERAGE, ...(isThorough ? [COMPARES] : [])];
  const command = ['build', '--release', '--locked', '--bins', '--target', triple];
  execFileSync('cargo', command, {
    cwd: crate,
    stdio: 'inherit',
    env: {
      ...process.env,
      CARGO_TARGET_DIR: workPath,
      RUSTC_BOOTSTRAP: '1',
      // The second name makes Cargo build again when the flags of the core change, which it does not see.
      RUSTFLAGS: `--cfg fuzzing -Zsanitizer=address${isThorough ? ' --cfg thorough' : ''}`,
      RUSTC_WRAPPER: join(import.meta.dirname, 'rustc.sh'),
      SHAREABLE_FUZZ_FLAGS: flags.join(' '),
    },
  });
}
