import { expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { dryRun } from '../harness/run/dry_run.ts';
import { dryRunText } from '../harness/run/dry_run_text.ts';
import { methods } from '../methods/index.ts';
import { r50V2 } from '../methods/moco.recipes.ts';
import { r50Batch256 } from '../methods/simclr.recipes.ts';

/** A recipe of which a step takes seconds. */
function narrowed(recipe: typeof r50V2 | typeof r50Batch256) {
  const { data } = recipe;
  const small = { backbone: { ...recipe.backbone, depth: 18 }, replicas: 4, batch: 16 };
  return parseExperiment({ ...recipe, ...small, data: { ...data, size: 128 } }, methods);
}
const moco = narrowed(r50V2);
/** Its replicas meet in the loss and in norms. */
const simclr = narrowed(r50Batch256);

// The band: memory within a quarter, time within a factor of two, as other work may share the cores.
it.each([
  ['MoCo, one replica after another', moco, { processes: 1, sequential: true }] as const,
  ['MoCo on two processes', moco, { processes: 2, sequential: false }] as const,
  ['SimCLR, one after another', simclr, { processes: 1, sequential: true }] as const,
])('%s: what follows from small steps is what the layout takes', async (_, experiment, layout) => {
  const found = await dryRun({ experiment, methods, data: 'nowhere', layout });
  process.stderr.write(`${dryRunText(experiment, found)}\n\n`);
  const { full, projected } = found;
  if (full === undefined || projected === undefined) throw new Error('nothing to compare');
  process.stderr.write(`${JSON.stringify({ full, projected })}\n`);
  expect(projected.peakBytes / full.peakBytes).toBeGreaterThan(0.75);
  expect(projected.peakBytes / full.peakBytes).toBeLessThan(1.33);
  expect(projected.seconds / full.seconds).toBeGreaterThan(0.5);
  expect(projected.seconds / full.seconds).toBeLessThan(2);
});
