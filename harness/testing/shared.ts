import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * A file or folder of the reference material that lies outside the repository: under
 * `REPRISE_SHARED`, else in `shared` beside the checkout. Undefined where it is not there, which is
 * said on stderr so that a check that did not run is never taken for one that passed.
 * @example const fixtures = sharedPath('parity'); describe.skipIf(fixtures === undefined)(…)
 */
export function sharedPath(...parts: readonly string[]): string | undefined {
  const base = process.env.REPRISE_SHARED ?? resolve(root, '..', 'shared');
  const path = join(base, ...parts);
  if (existsSync(path)) return path;
  process.stderr.write(`NOT CHECKED: ${path} is missing; set REPRISE_SHARED to where it lies\n`);
  return undefined;
}
