import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { countParameters } from '../harness/step/parameters.ts';
import * as byol from './byol.recipes.ts';
import { methods } from './index.ts';
import * as simclr from './simclr.recipes.ts';

const { speed: _, ...ofSimclr } = simclr;
const { speed: __, ...ofByol } = byol;

describe('recipes', () => {
  // docs/reference/methods.md, section 15: all parameters, and those that learn.
  it.each([
    [simclr.r50Batch256, 27_968_832, 27_968_832],
    [simclr.r50Batch512, 27_968_832, 27_968_832],
    [simclr.r50Batch256MocoV2Neck, 27_966_656, 27_966_656],
    [byol.r50Batch256, 68_025_216, 35_067_456],
    [byol.r50Accumulate16, 68_025_216, 35_067_456],
    [byol.r50Batch2048, 68_025_216, 35_067_456],
  ])('$name has the parameters of the original', (recipe, total, trainable) => {
    const counts = countParameters(parseExperiment(recipe, methods), methods);
    expect(counts).toMatchObject({ backbone: 23_508_032, total, trainable });
  });

  it.each([
    [simclr.r50Batch256, 256, 1],
    [simclr.r50Batch512, 512, 1],
    [byol.r50Batch256, 256, 1],
    [byol.r50Accumulate16, 256, 16],
    [byol.r50Batch2048, 2048, 2],
  ])('$name has the batch of the original', (recipe, images, updates) => {
    const { replicas, batch, accumulate } = parseExperiment(recipe, methods);
    expect([replicas * batch, accumulate]).toEqual([images, updates]);
  });

  it('ask for the original where published numbers come from it, the small ones never', () => {
    for (const recipe of [...Object.values(ofSimclr), ...Object.values(ofByol)]) {
      const { name, compat, schedule } = parseExperiment(recipe, methods);
      const original = name.includes('/');
      expect(compat.larsExclusion, name).toBe(original ? 'original' : 'exact');
      expect(schedule, name).toMatchObject(
        original ? { per: 'epoch', from: 'start' } : { per: 'step', from: 'warmup' },
      );
      if (name.startsWith('simclr'))
        expect(compat.simclrGradient).toBe(original ? 'per-replica' : 'exact');
    }
  });
});
