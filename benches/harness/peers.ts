/**
 * The packages to compare with, of npm and of PyPI. They are native and mostly built at install, so nothing here depends on
 * them: a full run installs them into `target/bench/peers` and reports the result for each.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface ShmTypedArray {
  create<K extends 'Uint8Array' | 'Float64Array'>(count: number, type: K, key: string): Arrays[K] | null;
  get<K extends 'Uint8Array' | 'Float64Array'>(key: string, type: K): Arrays[K] | null;
  detach(key: string): number;
  destroy(key: string): boolean;
}
interface Arrays {
  Uint8Array: Uint8Array;
  Float64Array: Float64Array;
}
export interface MmapIo {
  map(size: number, protection: number, flags: number, file: number): Buffer;
  readonly PROT_READ: number;
  readonly PROT_WRITE: number;
  readonly MAP_SHARED: number;
}
export interface Disruptor {
  produceClaimSync(): Buffer;
  produceCommitSync(): unknown;
  consumeNewSync(): Buffer[];
  consumeCommit(): unknown;
  release(): void;
}
interface Modules {
  'shm-typed-array': ShmTypedArray;
  '@riaskov/mmap-io': MmapIo;
  'shared-memory-disruptor': {
    Disruptor: new (
      name: string,
      elements: number,
      elementSize: number,
      consumers: number,
      consumer: number,
      initialize: boolean,
      spin: boolean,
    ) => Disruptor;
  };
}

/** A package with its version and a remark. */
const PEERS: readonly [name: string, version: string, note?: string][] = [
  ['shm-typed-array', '0.1.1'],
  ['@riaskov/mmap-io', '1.4.3', 'does not compile for Node 24 unless CXXFLAGS=-std=gnu++20'],
  ['shared-memory-disruptor', '4.2.1'],
  ['memoryshare', '1.0.0'],
];

/** Those of PyPI. They lie in the folder `packages` of theirs. */
const PYTHON_PEERS: typeof PEERS = [['faster-fifo', '1.5.2']];

export interface PeerState {
  readonly name: string;
  readonly version: string;
  readonly installed: boolean;
  readonly note: string;
}

const root = join(import.meta.dirname, '../../target/bench/peers');
const folderOf = (name: string): string => join(root, name.replaceAll(/\W+/g, '-'));

/** Returns a peer that was installed before. */
export function loadPeer<K extends keyof Modules>(name: K): Modules[K] {
  const module = createRequire(join(folderOf(name), 'package.json'))(name) as Modules[K] & { default?: Modules[K] };
  return module.default ?? module;
}

function npm(folder: string, ...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'pipe',
    env: {
      ...process.env,
      // The headers of this Node, if it includes them. Otherwise node-gyp would download them.
      npm_config_nodedir: dirname(dirname(process.execPath)),
      CXXFLAGS: '-std=gnu++20',
    },
  });
}

function installByNpm(folder: string, [name, version]: (typeof PEERS)[number]): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  npm(folder, 'install', '--ignore-scripts', `${name}@${version}`);
  npm(folder, 'rebuild', '--dangerously-allow-all-scripts');
  loadPeer(name as keyof Modules);
}

function installByPip(python: string, folder: string, [name, version]: (typeof PEERS)[number]): void {
  const packages = join(folder, 'packages');
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', packages, `${name}==${version}`], {
    stdio: 'pipe',
  });
  execFileSync(python, ['-c', `import ${name.replaceAll('-', '_')}`], {
    env: { ...process.env, PYTHONPATH: packages },
    stdio: 'pipe',
  });
}

function install(peer: (typeof PEERS)[number], run: (folder: string) => void): PeerState {
  const [name, version, note = ''] = peer;
  const folder = folderOf(name);
  const record = join(folder, 'state.json');
  if (existsSync(record)) return JSON.parse(readFileSync(record, 'utf8')) as PeerState;
  mkdirSync(folder, { recursive: true });
  let state: PeerState = { name, version, installed: true, note };
  try {
    run(folder);
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error);
    const cause =
      /npm error code (\w+)/.exec(said)?.[1] === 'E404' ? 'the npm registry does not have it (404)' : lastLine(said);
    state = { name, version, installed: false, note: cause };
  }
  writeFileSync(record, JSON.stringify(state));
  return state;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** Installs all peers that can be installed. */
export function installPeers(python: string): PeerState[] {
  return [
    ...PEERS.map((peer) => install(peer, (folder) => installByNpm(folder, peer))),
    ...PYTHON_PEERS.map((peer) => install(peer, (folder) => installByPip(python, folder, peer))),
  ];
}
