import { TF_TYPE } from '../harness/engine/native/native.ts';
import type { CompiledNode } from '../harness/engine/session.ts';
import type { LossScaleSpec } from '../harness/optim/loss_scale_spec.ts';
import { trainableNames } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import { batchOf, type SmallRun, smallDefinition } from '../harness/testing/method_suite.ts';
import { byol } from '../methods/byol.ts';
import { moco } from '../methods/moco.ts';
import { simclr } from '../methods/simclr.ts';
import { supervised } from '../methods/supervised.ts';

const neck = { kind: 'mlp', hidden: 16, out: 8 };

/** Steps whose graphs are looked at: norms of a replica and of all, with and without followers. */
export const STEPS: Readonly<Record<string, SmallRun>> = {
  moco: { method: moco, spec: { kind: 'moco', queue: 64, neck } },
  simclr: { method: simclr, spec: { kind: 'simclr' } },
  'byol with sync norms': {
    ...{ method: byol, norm: 'sync' },
    spec: { kind: 'byol', neck: { ...neck, norm: 'sync' }, predictor: { ...neck, norm: 'sync' } },
  },
  'supervised with sync norms': {
    ...{ method: supervised, norm: 'sync' },
    spec: { kind: 'supervised', classes: 2 },
  },
};

/** A step as it runs, after TensorFlow's optimiser. */
export interface CompiledStep {
  readonly nodes: readonly CompiledNode[];
  /** Parameters that the optimiser moves. */
  readonly trainable: number;
}

export async function compiledStep(
  run: SmallRun,
  lossScale?: LossScaleSpec,
): Promise<CompiledStep> {
  const definition = { ...smallDefinition(run), lossScale };
  const learner = new Learner(definition);
  try {
    await learner.initialise(0);
    const scalars = definition.method.scalars({ step: 0, steps: 8 });
    const feeds = stepFeeds(batchOf(learner, 0), { rate: 0.1, scalars });
    const nodes = await learner.program.compiled('step', feeds);
    return { nodes, trainable: trainableNames(definition.model).length };
  } finally {
    learner.dispose();
  }
}

/** The op behind a kernel of oneDNN or of several ops in one: `_MklNativePadWithConv2D` is Conv2D. */
export function opOf({ type }: CompiledNode): string {
  const plain = type.replace(/^_(Mkl)?(Native)?(Fused(?!BatchNorm))?(PadWith)?/, '');
  return plain === 'FusedBatchNormEx' ? 'FusedBatchNormV3' : plain;
}

export function isNarrow({ types }: CompiledNode): boolean {
  return [...types.values()].some((type) => type === TF_TYPE.bfloat16 || type === TF_TYPE.float16);
}

/**
 * What lies between the gradients of the replicas and an update: the sums over replicas, the products with 1 / R and
 * the loss scale, weight decay, and where updates may be skipped, the choice.
 */
export function pathOf(nodes: ReadonlyMap<string, CompiledNode>, update: CompiledNode) {
  const path: CompiledNode[] = [];
  const follow = (input: string | undefined) => {
    const node = nodes.get(input?.replace(/:\d+$/, '') ?? '');
    if (node === undefined || !/^(Add|AddV2|Mul|SelectV2|Reshape|plus_scaled__.*)$/.test(node.type))
      return;
    path.push(node);
    for (const next of node.inputs.filter((name) => !name.startsWith('^'))) follow(next);
  };
  follow(update.inputs[3]); // variable, momentum, rate, gradient, momentum's factor
  return path;
}
