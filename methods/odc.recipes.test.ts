import { describe, expect, it } from 'vitest';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import { countParameters } from '../harness/step/parameters.ts';
import { methods } from './index.ts';
import * as recipes from './odc.recipes.ts';

const { speed: _, ...experiments } = recipes;

describe('recipes', () => {
  it('have the parameters of the original', () => {
    const counts = countParameters(parseExperiment(recipes.r50V1, methods), methods);
    expect(counts).toMatchObject({ total: 27_258_448, trainable: 27_258_448 });
  });

  it('are all valid, with names of their own and a head without momentum', () => {
    const all = Object.values(experiments).map((recipe) => parseExperiment(recipe, methods));
    for (const experiment of all) {
      const { rules } = stepDefinition(experiment, bindMethod(experiment, methods));
      expect(rules.get('head.fc_cls.weight')?.momentum).toBe(0);
      expect(rules.get('neck.fc1.weight')?.momentum).toBe(0.9);
    }
    expect(new Set(all.map(({ name }) => name)).size).toBe(Object.keys(experiments).length);
  });
});
