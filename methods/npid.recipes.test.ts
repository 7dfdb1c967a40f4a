import { describe, expect, it } from 'vitest';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { countParameters } from '../harness/step/parameters.ts';
import { methods } from './index.ts';
import * as recipes from './npid.recipes.ts';

const { speed: _, ...experiments } = recipes;

describe('recipes', () => {
  it('have the parameters of the original', () => {
    for (const recipe of [recipes.r50, recipes.r50EnsureNeg]) {
      const counts = countParameters(parseExperiment(recipe, methods), methods);
      expect(counts).toMatchObject({ total: 23_770_304, trainable: 23_770_304 });
    }
  });

  it('are all valid, with names of their own', () => {
    const all = Object.values(experiments).map((recipe) => parseExperiment(recipe, methods));
    for (const experiment of all) expect(bindMethod(experiment, methods).kind).toBe('npid');
    expect(new Set(all.map(({ name }) => name)).size).toBe(Object.keys(experiments).length);
  });
});
