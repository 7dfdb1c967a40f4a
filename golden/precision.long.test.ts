import { beforeAll, describe, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { checkNarrow } from './narrow_checks.ts';
import { compiledStep, STEPS } from './narrow_steps.ts';

beforeAll(startEngine);

describe.each(Object.entries(STEPS))('%s', (_, run) => {
  it.each([1, 2, 4])('computes layers alone in bfloat16, on %i replicas', async (replicas) => {
    checkNarrow(await compiledStep({ ...run, replicas, precision: 'bf16' }), replicas, 'bfloat16');
  });

  // A CPU has kernels for it, although users are sent to bf16 there.
  it('computes layers alone in float16, with a loss scale', async () => {
    const step = await compiledStep({ ...run, replicas: 2, precision: 'fp16' }, 512);
    checkNarrow(step, 2, 'float16');
  });
});
