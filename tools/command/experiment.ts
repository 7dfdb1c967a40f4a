import { resolve } from 'node:path';
import {
  type Experiment,
  findRecipes,
  override,
  parseExperiment,
  recipeNamed,
} from '../../harness/experiment/index.ts';
import { methods } from '../../methods/index.ts';
import type { OptionsOf } from './option.ts';
import { root } from './root.ts';
import type { experimentOptions } from './shared_options.ts';

/** The experiment that a command line means, checked, and the methods there are. @throws UserError */
export async function experimentFrom(
  name: string,
  { epochs, set = [] }: Partial<OptionsOf<typeof experimentOptions>>,
): Promise<{ readonly experiment: Experiment; readonly methods: typeof methods }> {
  const recipe = recipeNamed(name, await findRecipes([resolve(root, 'methods')]));
  const settings = epochs === undefined ? set : [...set, `epochs=${epochs}`];
  return { experiment: parseExperiment(override(recipe, settings), methods), methods };
}
