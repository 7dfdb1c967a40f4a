import { fileURLToPath } from 'node:url';
import { findRecipes } from '../harness/experiment/registry.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { numericsLine } from '../harness/record/numerics.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { verdictOn } from '../harness/verify/golden_verdict.ts';
import { methods } from '../methods/index.ts';

const goldens = fileURLToPath(new URL('.', import.meta.url));
const recipes = await findRecipes([fileURLToPath(new URL('../methods', import.meta.url))]);

/** The experiments on drawn images, which need no file: one of every method, each with a golden. */
export const drawn = [...recipes.values()]
  .map((recipe) => parseExperiment(recipe, methods))
  .filter(({ data }) => data.train.kind === 'generated');

/** Trains one and compares it with its golden. */
export async function goldenVerdict(
  experiment: (typeof drawn)[number],
  options: Pick<TrainOptions, 'workDir' | 'stopAfterEpoch' | 'perturbation'>,
) {
  const { record } = await train({
    experiment,
    methods,
    data: '.',
    terminal: { write: () => true },
    ...options,
  });
  const verdict = verdictOn(record, goldens);
  const line = numericsLine(record, record.epochs.at(-1)?.stateHash);
  process.stderr.write(`${experiment.name}: ${verdict.kind}: ${verdict.summary}\n${line}\n`);
  return verdict;
}
