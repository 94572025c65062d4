/** Makes the README of the main package from that of the repository. */
import { absolute } from './home.ts';

/** Returns the README with absolute links, because npm does not show the repository, and without the commands of the repository. */
export function readmeForNpm(readme: string): string {
  return readme
    .replace(/^## The demo and the tests\n[^]*(?=^## License$)/m, '')
    .replaceAll(/(!?\[[^\]]*\]\()([^)\s]+)(\))/g, (_, start: string, link: string, end: string) =>
      [start, absolute('README.md', link), end].join(''),
    );
}
