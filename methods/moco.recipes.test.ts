import { describe, expect, it } from 'vitest';
import { sizeOf } from '../harness/engine/array.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import { methods } from './index.ts';
import * as recipes from './moco.recipes.ts';

const { speed: _, ...experiments } = recipes;

describe('recipes', () => {
  // docs/reference/methods.md, section 15; backbone twice, as both encoders have one.
  it.each([
    [recipes.r50V1, 47_540_608],
    [recipes.r50V1Fp16, 47_540_608],
    [recipes.r50V1Bf16, 47_540_608],
    [recipes.r50V2, 55_933_312],
    [recipes.r50V2SimclrNeck, 55_937_664],
  ])('$name has the parameters of the original', (recipe, expected) => {
    const experiment = parseExperiment(recipe, methods);
    const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
    const [network] = Object.values(model.networks);
    const count = [...(network?.parameters.values() ?? [])].reduce(
      (sum, { shape }) => sum + sizeOf(shape),
      0,
    );
    expect(2 * count).toBe(expected);
  });

  it('are all valid, with names of their own', () => {
    const names = Object.values(experiments).map((recipe) => parseExperiment(recipe, methods).name);
    expect(new Set(names).size).toBe(Object.keys(experiments).length);
  });
});
