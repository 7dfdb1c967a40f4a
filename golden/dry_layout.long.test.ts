import { expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { dryRun } from '../harness/run/dry_run.ts';
import { dryRunText } from '../harness/run/dry_run_text.ts';
import { methods } from '../methods/index.ts';
import { r50V2 } from '../methods/moco.recipes.ts';

const experiment = parseExperiment(
  {
    ...r50V2,
    backbone: { depth: 18 },
    data: { ...r50V2.data, size: 128 },
    replicas: 4,
    batch: 16,
  },
  methods,
);

// The band: memory within a quarter, time within a factor of two, as other work may share the cores.
it.each([
  { processes: 1, sequential: true },
  { processes: 2, sequential: false },
])('what follows from small steps is what the layout takes: %o', async (layout) => {
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
