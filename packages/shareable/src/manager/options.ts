/** The arguments of managers, and their checks. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { inspect, types } from 'node:util';

import { invalidType, outOfRange } from '../errors.js';
import { checkOptions, wrongType } from '../options.js';

/** How to start a manager's server. */
export interface SharedMemoryManagerOptions {
  /**
   * Where to listen: the path of a Unix socket, or `tcp://127.0.0.1:0` for TCP, where every process that reaches the port
   * can try to connect; port 0 is a free one. Default: a socket in a fresh folder that only this user may enter.
   */
  address?: string | undefined;
  /**
   * The key that processes need to connect: 1 to 4096 bytes, for TCP at least 16. A string stands for its UTF-8. Default:
   * 32 random bytes.
   */
  authkey?: Uint8Array | string | undefined;
}

/** The number of bytes of a default key, and the most of any key. */
const KEY_BYTES = 32;
const MAX_KEY_BYTES = 4096;

/**
 * Whether an address is certainly not a path: it has a scheme, is a Windows pipe, or looks like a host and a port. The core
 * reads these, and refuses a host without `tcp://` instead of making a socket file of that name. For such a file write `./a:80`.
 */
function isNoPath(address: string): boolean {
  return /^[a-z][a-z0-9+.-]*:|^\\\\|^[^/]*:\d*$/i.test(address) || isIP(address) !== 0;
}

/** Checks an address. A relative path is resolved by the current working folder. */
export function checkAddress(address: unknown): string {
  if (typeof address !== 'string') throw wrongType('address', 'a string', address);
  if (address === '' || address.includes('\0') || !address.isWellFormed()) {
    throw invalidType('ERR_INVALID_ARG_VALUE', `address ${inspect(address)} is neither a path nor tcp://host:port`);
  }
  return isNoPath(address) ? address : resolve(address);
}

/** Checks a key and copies it. It never appears in a message. */
export function checkKey(key: unknown): Uint8Array {
  if (typeof key !== 'string' && !types.isUint8Array(key)) {
    // What JSON makes of the bytes of a Uint8Array, or of a Buffer.
    const isSentAsJson = typeof key === 'object' && key !== null && (0 in key || 'data' in key);
    const advice = isSentAsJson
      ? ": JSON does not keep bytes. Fork the process with serialization: 'advanced', or send the key as text"
      : '';
    throw invalidType(
      'ERR_INVALID_ARG_TYPE',
      `authkey must be a string or a Uint8Array, not of type ${typeof key}${advice}`,
    );
  }
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : Uint8Array.from(key);
  if (bytes.length === 0 || bytes.length > MAX_KEY_BYTES) {
    throw outOfRange(`authkey must have 1 to ${MAX_KEY_BYTES} bytes, not ${bytes.length}`);
  }
  return bytes;
}

/** Checks and completes {@link SharedMemoryManagerOptions}. */
export function checkManagerOptions(options: SharedMemoryManagerOptions | undefined): {
  address: string | undefined;
  key: Uint8Array;
} {
  const { address, authkey } = checkOptions(options, ['address', 'authkey']);
  return {
    address: address === undefined ? undefined : checkAddress(address),
    key: authkey === undefined ? Uint8Array.from(randomBytes(KEY_BYTES)) : checkKey(authkey),
  };
}
