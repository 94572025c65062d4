/** Finds Chromium, and installs Debian's package where it is missing. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function find(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Returns the path of the browser. `SHAREABLE_CHROMIUM` names another one. */
export function chromiumPath(): string {
  const named = process.env['SHAREABLE_CHROMIUM'];
  if (named !== undefined) return named;
  if (find() === undefined) {
    execFileSync('apt-get', ['update', '-q'], { stdio: 'inherit' });
    const packages = ['chromium', 'fonts-dejavu-core', 'fonts-liberation'];
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { stdio: 'inherit' });
  }
  const found = find();
  if (found === undefined) throw new Error('there is no Chromium; name one in SHAREABLE_CHROMIUM');
  return found;
}
