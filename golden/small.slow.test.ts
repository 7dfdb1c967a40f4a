import { test } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawn } from './drawn.ts';
import { holdExperiment } from './drawn_experiment.ts';

/** The quickest of them, which is held to its second epoch too. */
const QUICKEST = 'relative-loc';

/** One that learns classes, one that takes the gradient of a gather, one that clusters as it goes; of a queue: small.test.ts. */
const few = drawn.filter(({ method: { kind } }) =>
  ['relative_loc', 'simclr', 'odc'].includes(kind),
);

// The longer suite, and `scripts/reproduce.mjs NAME`, check the rest and all others.
test.each(few)('$name begins as its golden says', (experiment) =>
  inTemporaryFolder('golden-', (workDir) =>
    holdExperiment(experiment, { workDir, stopAfterEpoch: experiment.name === QUICKEST ? 2 : 1 }),
  ),
);
