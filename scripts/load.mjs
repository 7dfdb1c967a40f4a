import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { register } from 'tsx/esm/api';

/** The root of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// From here on `import()` takes TypeScript; static imports of a script are linked before this line
// runs, which is why scripts load the harness through `load`.
register();

/**
 * A module of the checkout, by its path from the root.
 * @example const { parseExperiment } = await load('harness/run/spec.ts');
 */
export function load(path) {
  return import(pathToFileURL(resolve(root, path)).href);
}
