/** The pages whose sources are outside of this folder, such as README.md and SECURITY.md. */
import { outside } from '../scripts/home.ts';
import { groups } from './.vitepress/pages.ts';

const elsewhere = new Set(Object.values(outside));

export default {
  watch: Object.keys(outside).map((file) => `../${file}`),
  paths: () =>
    groups
      .flatMap(({ pages }) => pages)
      .filter(({ name }) => elsewhere.has(name))
      .map(({ name, text }) => ({ params: { page: name }, content: text })),
};
