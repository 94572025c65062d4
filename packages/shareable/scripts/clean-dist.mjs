// Removes what an earlier build compiled, so that no file of a renamed module stays in the package.
import { rmSync } from 'node:fs';
import { join } from 'node:path';

rmSync(join(import.meta.dirname, '../dist'), { recursive: true, force: true });
