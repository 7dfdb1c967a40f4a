import { beforeAll, describe, expect, test } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { TF_TYPE } from '../harness/engine/native/native.ts';
import type { Precision } from '../harness/engine/precision.ts';
import type { CompiledNode } from '../harness/engine/session.ts';
import { resnet, resnetSpec } from '../harness/nn/resnet.ts';
import { resolveRules } from '../harness/optim/rules.ts';
import { OptimizerSpec } from '../harness/optim/spec.ts';
import { stream } from '../harness/random/stream.ts';
import { trainableNames } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import { exactCompat } from '../harness/testing/exact_compat.ts';
import { moco } from '../methods/moco.ts';

beforeAll(startEngine);

const REPLICAS = 4;
const BATCH = 4;
const SIZE = 16;

/** The graph of a MoCo step on four replicas as it runs, after TensorFlow's optimiser. */
async function compiled(precision: Precision) {
  const backbone = resnet(resnetSpec.parse({ depth: 18, width: 0.0625, stem: 'cifar' }));
  const neck = { kind: 'mlp', hidden: 16, out: 8 };
  const method = moco.bind({ kind: 'moco', queue: 64, neck });
  const model = method.model(backbone);
  const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 0 });
  const learner = new Learner({
    method,
    model,
    optimizer,
    precision,
    replicas: REPLICAS,
    batch: BATCH,
    size: SIZE,
    channels: 3,
    accumulate: 1,
    rules: resolveRules(optimizer, trainableNames(model)),
    normalise: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
    compat: exactCompat,
  });
  try {
    await learner.initialise(1);
    const count = REPLICAS * BATCH;
    const view = () => new Uint8Array(count * SIZE * SIZE * 3).fill(100);
    const batch = {
      views: [view(), view()],
      indices: Int32Array.from({ length: count }, (_, i) => i),
      draws: { shuffle: stream(1, 'shuffle').permutation(count) },
    };
    const nodes = await learner.program.compiled('step', stepFeeds(batch, { rate: 0.1 }));
    return { nodes, trainable: trainableNames(model).length };
  } finally {
    learner.dispose();
  }
}

/** What is added up into a value, as a bracket: `((a b)(c d))`. Adds in anything but float32 are named. */
function bracket(nodes: ReadonlyMap<string, CompiledNode>, name: string): string {
  const node = nodes.get(name.replace(/:\d+$/, ''));
  if (node === undefined) throw new Error(`${name} is not in the graph`);
  if (!/^_?(Mkl|Native|Fused)*Add/.test(node.type)) return '.';
  const ordered = node.inputs.filter((input) => !input.startsWith('^'));
  const inner = ordered.map((input) => bracket(nodes, input)).join('');
  const exact = node.dtype === TF_TYPE.float32 && /^(Add|AddV2)$/.test(node.type);
  return `(${exact ? '' : `${node.type} of type ${node.dtype}: `}${inner})`;
}

// TensorFlow's optimiser folds a tree of additions into one AddN of its own order, and its bf16
// pass takes gradient sums to bf16 (docs/reference/engine.md, sections 1 and 2). Neither may have
// happened in the graph that runs.
describe.each(['fp32', 'bf16'] as const)(
  'a step on four replicas in %s, as it runs',
  (precision) => {
    test('adds every gradient in the fixed tree, in float32', async () => {
      const { nodes, trainable } = await compiled(precision);
      const named = new Map(nodes.map((node) => [node.name, node]));
      const updates = nodes.filter(({ type }) => type === 'ResourceApplyMomentum');
      expect(updates.length).toBe(trainable);
      for (const { name, inputs, dtype } of updates) {
        expect(dtype, name).toBe(TF_TYPE.float32);
        const mean = named.get(inputs[3] ?? ''); // variable, momentum, rate, gradient, momentum's factor
        expect([mean?.type, mean?.dtype], name).toEqual(['Mul', TF_TYPE.float32]);
        expect(bracket(named, mean?.inputs[0] ?? ''), name).toBe('((..)(..))');
      }
      expect(nodes.filter(({ type }) => type === 'AddN')).toEqual([]);
      // Without this the test would hold for a step that has no bf16 to begin with.
      const narrow = nodes.filter(({ dtype }) => dtype === TF_TYPE.bfloat16);
      expect(narrow.length > 0).toBe(precision === 'bf16');
    });
  },
);
