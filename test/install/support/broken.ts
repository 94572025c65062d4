/** Makes addons that do not load by the system's C compiler, and a Node that refuses external memory. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';

function compile(folder: string, output: string, source: string, ...flags: string[]): string {
  const [code, result] = [join(folder, `${output}.c`), join(folder, output)];
  writeFileSync(code, source);
  execFileSync('cc', ['-shared', '-fPIC', '-nostdlib', '-o', result, code, ...flags]);
  return result;
}

/** Makes an addon that is linked against musl, as by Alpine's compiler. */
export function addonForMusl(folder: string): string {
  const library = compile(folder, 'libc.musl-x86_64.so.1', 'void f(void) {}', '-Wl,-soname,libc.musl-x86_64.so.1');
  return compile(folder, 'musl.node', 'void f(void); void g(void) { f(); }', library);
}

/** Makes an addon that needs a glibc newer than any. */
export function addonForNewerGlibc(folder: string): string {
  const script = join(folder, 'versions');
  writeFileSync(script, 'GLIBC_2.99 { global: *; };');
  const library = compile(
    folder,
    'libc.so.6',
    'void from_the_future(void) {}',
    '-Wl,-soname,libc.so.6',
    `-Wl,--version-script=${script}`,
  );
  return compile(folder, 'newer.node', 'void from_the_future(void); void g(void) { from_the_future(); }', library);
}

/** Makes a copy of `addon` whose ELF header names another processor, EM_AARCH64. */
export function addonForArm64(folder: string, addon: string): string {
  const path = join(folder, 'arm64.node');
  const bytes = readFileSync(addon);
  bytes.writeUInt16LE(183, 18);
  writeFileSync(path, bytes);
  return path;
}

/**
 * Makes a copy of a Node whose `napi_create_external_arraybuffer` returns napi_no_external_buffers_allowed, as Electron's
 * does. Its first instructions are replaced by `mov eax, 22; ret`.
 */
export function nodeWithoutExternalBuffers(folder: string, node: string): string {
  const symbols = execFileSync('readelf', ['--dyn-syms', '--wide', node], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const [, hex] = / ([0-9a-f]{16}) .* napi_create_external_arraybuffer$/m.exec(symbols) ?? [];
  if (hex === undefined) throw new Error(`${node} has no napi_create_external_arraybuffer`);
  const address = Number.parseInt(hex, 16);
  const headers = execFileSync('readelf', ['--program-headers', '--wide', node], { encoding: 'utf8' });
  for (const [, offset, start, , size] of headers.matchAll(
    /LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+)/g,
  )) {
    const [from, first, length] = [offset, start, size].map((text) => Number.parseInt(text ?? '', 16)) as [
      number,
      number,
      number,
    ];
    if (address < first || address >= first + length) continue;
    const path = join(folder, 'node');
    copyFileSync(node, path);
    chmodSync(path, 0o755);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.from([0xb8, 22, 0, 0, 0, 0xc3]), 0, 6, from + address - first);
    closeSync(file);
    return path;
  }
  throw new Error(`${node} has no segment for ${hex}`);
}
