import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findRecipes, recipeNamed } from '../harness/experiment/registry.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { DYNAMIC } from '../harness/optim/loss_scale_spec.ts';
import { methods } from '../methods/index.ts';

// docs/reference/methods.md, section 15: apex O1, whose scale begins at 2^16.
it.each(['rotation_pred/r50_fp16', 'moco/r50_v1_fp16', 'byol/r50_bs2048_accumulate2_ep200_fp16'])(
  '%s is the original with a moving loss scale',
  async (name) => {
    const recipes = await findRecipes([fileURLToPath(new URL('../methods', import.meta.url))]);
    const read = (of: string) => parseExperiment(recipeNamed(of, recipes), methods);
    const { lossScale, ...half } = read(name);
    expect(lossScale).toEqual(DYNAMIC);
    expect(DYNAMIC).toEqual({
      ...{ kind: 'dynamic', initial: 65536, growth: 2, backoff: 0.5 },
      ...{ interval: 2000, max: 16777216 },
    });
    const narrow = name.replace('fp16', 'bf16');
    expect({ ...half, name: narrow, precision: 'bf16' }).toEqual(read(narrow));
  },
);
