import { type Sha256, sha256Slowly, UserError } from '../base/index.ts';
import { bytesOf } from '../engine/array.ts';
import { toHWIO } from '../engine/layout.ts';
import type { Program } from '../engine/program.ts';
import type { ParameterSpec } from '../nn/module.ts';
import type { Stage } from '../step/features.ts';
import type { Tensors } from '../step/learner.ts';

/** Parameters and statistics of networks by full name; counters of batches are not needed to judge. */
export function statesOf(stages: readonly Stage[]): readonly (readonly [string, ParameterSpec])[] {
  return stages
    .flatMap(({ prefix, module: { parameters, buffers } }) =>
      [...parameters, ...buffers].map(([name, spec]) => [prefix + name, spec] as const),
    )
    .filter(([, { dtype }]) => dtype === 'float32');
}

/**
 * Puts in the networks' part of a state; running statistics are those of replica 0.
 * @returns SHA-256 over what was put in
 * @throws UserError naming the tensor that is missing.
 */
export async function writeStages(
  program: Program,
  stages: readonly Stage[],
  weights: Tensors,
): Promise<Sha256> {
  const values = statesOf(stages).map(([name]) => {
    const value = weights.get(name);
    if (value === undefined)
      throw new UserError(
        `evaluation: the weights have no ${name}; expected those of a run of this experiment`,
      );
    return [name, value.shape.length === 4 ? toHWIO(value) : value] as const;
  });
  await program.writeStates(values);
  return sha256Slowly(values.map(([, { data }]) => bytesOf(data)));
}
