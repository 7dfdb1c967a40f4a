import { describe, expect, it } from 'vitest';
import { bindMethod } from '../harness/run/definition.ts';
import { countParameters } from '../harness/run/parameters.ts';
import { parseExperiment } from '../harness/run/spec.ts';
import { methods } from './index.ts';
import * as recipes from './npid.recipes.ts';

describe('recipes', () => {
  it('have the parameters of the original', () => {
    for (const recipe of [recipes.r50, recipes.r50EnsureNeg]) {
      const counts = countParameters(parseExperiment(recipe, methods), methods);
      expect(counts).toMatchObject({ total: 23_770_304, trainable: 23_770_304 });
    }
  });

  it('are all valid, with names of their own', () => {
    const all = Object.values(recipes).map((recipe) => parseExperiment(recipe, methods));
    for (const experiment of all) expect(bindMethod(experiment, methods).kind).toBe('npid');
    expect(new Set(all.map(({ name }) => name)).size).toBe(Object.keys(recipes).length);
  });
});
