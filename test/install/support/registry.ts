/** A read-only registry on the loopback interface that has only our packages. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

import type { Manifest } from '../../../scripts/pack.ts';
import { folderOf, packLocal, packMain, packPlatform, readManifest, targets } from '../../../scripts/pack.ts';
import { addonPath } from '../../support/processes.ts';

/** A date old enough for managers that refuse new packages. */
const PUBLISHED = '2020-01-01T00:00:00.000Z';

/** The target of this machine: that of the local build. */
export const here: string = /^shareable\.(.+)\.node$/.exec(basename(addonPath))?.[1] ?? 'none';

/** A published package. */
export interface Entry {
  manifest: Manifest;
  bytes: Buffer;
}

/** A running registry; ends with its scope. */
export interface Registry extends AsyncDisposable {
  url: string;
  /** The requested packages that it does not have. */
  unknown: string[];
  /** The packages that were downloaded. */
  downloaded: Set<string>;
}

/** The target that differs only in the C library, which some managers ignore. */
export const twin: string = here.replace(/-gnu$/, '-musl');

/** The published packages. Those of other platforms have no binaries, because they must not be needed. */
export function pack(folder: string): Entry[] {
  const others = targets.filter((target) => target !== here && target !== twin);
  const twins = twin === here ? [] : [packPlatform(twin, folder)];
  return [
    ...[packMain(folder), packLocal(here, folder), ...twins].map(({ manifest, tarball }) => ({
      manifest,
      bytes: readFileSync(tarball),
    })),
    ...others.map((target) => ({ manifest: readManifest(folderOf(target)), bytes: Buffer.alloc(0) })),
  ];
}

function packument({ manifest, bytes }: Entry, url: string): object {
  const { name, version } = manifest;
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  const shasum = createHash('sha1').update(bytes).digest('hex');
  const dist = { tarball: `${url}/${name}/-/${version}.tgz`, integrity, shasum };
  return {
    _id: name,
    name,
    'dist-tags': { latest: version },
    time: { created: PUBLISHED, modified: PUBLISHED, [version]: PUBLISHED },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, dist } },
  };
}

/** Serves `entries`. */
export async function startRegistry(entries: Entry[]): Promise<Registry> {
  const unknown: string[] = [];
  const downloaded = new Set<string>();
  const byName = new Map(entries.map((entry) => [entry.manifest.name, entry]));
  const server = createServer(({ method, url: address = '' }, response) => {
    const path = decodeURIComponent(address).slice(1);
    const [, name = path, isTarball] = /^(.+?)(\/-\/.+\.tgz)?$/.exec(path) ?? [];
    const entry = byName.get(name);
    if (entry === undefined || method !== 'GET') {
      unknown.push(`${method} ${address}`);
      response.writeHead(404).end('{}');
    } else if (isTarball === undefined) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument(entry, url)));
    } else {
      downloaded.add(name);
      response.setHeader('content-type', 'application/octet-stream');
      response.end(entry.bytes);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    unknown,
    downloaded,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
