// Builds the helper executable for this machine and puts it beside the local build of the addon.
import { join } from 'node:path';

import { buildHelper, hostTriple, place } from './cargo.mjs';

const name = process.platform === 'win32' ? 'shareable-helper.exe' : 'shareable-helper';
place(buildHelper(hostTriple()), join(import.meta.dirname, '../native', name), 0o755);
