import { test } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { drawn } from './drawn.ts';
import { holdExperiment } from './drawn_experiment.ts';

test.each(drawn)('$name is what its golden says, to the end', (experiment) =>
  inTemporaryFolder('golden-', (workDir) => holdExperiment(experiment, { workDir })),
);
