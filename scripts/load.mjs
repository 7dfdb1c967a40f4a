import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packagesProblem } from './node.mjs';

/** The root of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// tsx takes what follows a question mark for a query, and fails at the first import.
if (root.includes('?')) {
  process.stderr.write(
    `the checkout lies in ${root}, and TypeScript cannot be loaded from a path with a question mark; rename or move the folder\n`,
  );
  process.exit(1);
}

// From here on `import()` takes TypeScript; static imports of a script are linked before this line
// runs, which is why scripts load the harness through `load`.
const { register } = await import('tsx/esm/api').catch((error) => {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(`the packages are not installed; run \`npm ci\` in ${root}\n`);
  process.exit(1);
});
register();

/**
 * A module of the checkout, by its path from the root.
 * @example const { parseExperiment } = await load('harness/experiment/spec.ts');
 */
export function load(path) {
  return import(pathToFileURL(resolve(root, path)).href).catch((error) => {
    const problem = packagesProblem(error, root);
    if (problem === undefined) throw error;
    process.stderr.write(`${problem}\n`);
    process.exit(1);
  });
}
