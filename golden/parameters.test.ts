import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findRecipes, recipeNamed } from '../harness/experiment/registry.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { countParameters, parameterLines } from '../harness/step/parameters.ts';
import { methods } from '../methods/index.ts';
import { tinyExperiment } from './tiny.ts';

const recipes = await findRecipes([resolve(import.meta.dirname, '../methods')]);
const countsOf = (name: string) =>
  countParameters(parseExperiment(recipeNamed(name, recipes), methods), methods);

// docs/reference/methods.md, section 15
describe('parameters of the original’s experiments', () => {
  it.each([
    ['moco/r50_v1', 47_540_608, 23_770_304],
    ['moco/r50_v2', 55_933_312, 27_966_656],
    ['relative_loc/r50', 40_330_312, 40_330_312],
    ['rotation_pred/r50', 23_516_228, 23_516_228],
    ['rotation_pred/r50_fp16', 23_516_228, 23_516_228],
    ['rotation_pred/r50_bf16', 23_516_228, 23_516_228],
    // 23,508,032 of the backbone and a head of 2048 x classes with its biases.
    ['classification/cifar10/r50', 23_528_522, 23_528_522],
    ['classification/imagenet/r50', 25_557_032, 25_557_032],
  ])('%s', (name, total, trainable) => {
    expect(countsOf(name)).toEqual({
      backbone: 23_508_032,
      backboneTrainable: 23_508_032,
      total,
      trainable,
    });
  });

  it('are printed as the original prints them', () => {
    expect(parameterLines(countsOf('moco/r50_v1'))).toEqual([
      'Number of backbone parameters: 23.508 M',
      'Number of backbone parameters requiring grad: 23.508 M',
      'Number of total parameters: 47.541 M',
      'Number of total parameters requiring grad: 23.77 M',
    ]);
  });

  it('leave out what is frozen', () => {
    const frozen = tinyExperiment({ backbone: { depth: 18, width: 1 / 16, frozenStages: 0 } });
    const { backbone, backboneTrainable, trainable, total } = countParameters(frozen, methods);
    expect(backbone - backboneTrainable).toBe(3 * 4 * 49 + 2 * 4); // the stem: conv1 and bn1
    expect(total - 2 * trainable).toBe(2 * (backbone - backboneTrainable));
  });
});
