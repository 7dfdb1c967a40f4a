import { fileURLToPath } from 'node:url';
import { exportsOf, modulesIn } from '../../harness/base/exports.ts';
import type { MutationSet } from './mutation.ts';

const own = fileURLToPath(import.meta.url);
const files = modulesIn(fileURLToPath(new URL('.', import.meta.url)));
const exported = await exportsOf(files.filter((file) => file !== own));

/** All mutations: every set that a file of this folder exports. */
export const mutationSets: readonly MutationSet[] = exported
  .map(({ value }) => value)
  .filter(isMutationSet);

function isMutationSet(value: unknown): value is MutationSet {
  return typeof value === 'object' && value !== null && 'mutations' in value;
}
