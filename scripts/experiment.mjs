import { resolve } from 'node:path';
import { setOption } from './cli.mjs';
import { load, root } from './load.mjs';

/** The argument of every command that works on an experiment. */
export const experimentArgument = {
  name: 'EXPERIMENT',
  help: 'name of an experiment, or a .json file that holds one',
};

/** Options that change an experiment. */
export const experimentOptions = {
  epochs: { kind: 'int', value: 'N', min: 1, help: 'epochs of the run, as --set epochs=N' },
  set: setOption,
};

/** The experiment that a command line means, checked, and the methods there are. */
export async function experimentFrom(name, { epochs, set = [] }) {
  const { methods } = await load('methods/index.ts');
  const { findRecipes, recipeNamed } = await load('harness/experiment/registry.ts');
  const { override } = await load('harness/experiment/override.ts');
  const { parseExperiment } = await load('harness/experiment/spec.ts');
  const recipe = recipeNamed(name, await findRecipes([resolve(root, 'methods')]));
  const settings = epochs === undefined ? set : [...set, `epochs=${epochs}`];
  return { experiment: parseExperiment(override(recipe, settings), methods), methods };
}
