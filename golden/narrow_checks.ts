import { expect } from 'vitest';
import { TF_TYPE } from '../harness/engine/native/native.ts';
import { type CompiledStep, isNarrow, opOf, pathOf } from './narrow_steps.ts';

/** Of these nothing is added up but inside one product or convolution, which sums in float32. */
const LAYERS: ReadonlySet<string> = new Set(
  `Add BiasAdd BroadcastTo Cast ConcatV2 Const Conv2D Conv2DBackpropFilter Conv2DBackpropInput FusedBatchNormGradV3
  FusedBatchNormV3 Identity MatMul MaxPool MaxPoolGrad Pad Relu ReluGrad Reshape Slice Transpose`.split(
    /\s+/,
  ),
);
const CONVOLUTIONS = ['Conv2D', 'Conv2DBackpropFilter', 'Conv2DBackpropInput'];
/** Ops that put many values into one, and that of the loss. */
const REDUCTIONS =
  /^(AddN|All|ArgMax|BiasAddGrad|L2Loss|(Log)?Softmax|Max|Mean|Sum|SparseSoftmaxCrossEntropyWithLogits)$/;

/**
 * Layers compute in `narrow`; sums over pixels and replicas, losses, statistics and the optimiser in float32.
 */
export function checkNarrow(
  { nodes, trainable }: CompiledStep,
  replicas: number,
  narrow: 'bfloat16' | 'float16',
): void {
  const of = (op: string) => nodes.filter((node) => opOf(node) === op);
  for (const op of CONVOLUTIONS) {
    expect(of(op).length, op).toBeGreaterThanOrEqual(replicas);
    for (const { name, dtype } of of(op)) expect(dtype, `${op} ${name}`).toBe(TF_TYPE[narrow]);
  }
  for (const { name, types } of [...of('FusedBatchNormV3'), ...of('FusedBatchNormGradV3')]) {
    expect(types.get('T'), name).toBe(TF_TYPE[narrow]); // the images
    expect(types.get('U'), name).toBe(TF_TYPE.float32); // statistics, scale and offset
  }
  const unexpected = nodes.filter((node) => isNarrow(node) && !LAYERS.has(opOf(node)));
  expect(unexpected.map(({ name, type }) => `${type} ${name}`)).toEqual([]);
  const reductions = nodes.filter((node) => REDUCTIONS.test(opOf(node)));
  expect(reductions.length).toBeGreaterThan(0);
  expect(reductions.filter(isNarrow)).toEqual([]);
  checkUpdates({ nodes, trainable }, replicas);
}

/** The optimiser, and the trees of gradients that it is given. */
function checkUpdates({ nodes, trainable }: CompiledStep, replicas: number): void {
  const named = new Map(nodes.map((node) => [node.name, node]));
  const updates = nodes.filter(({ type }) => type.startsWith('ResourceApply'));
  expect(updates.length).toBe(trainable);
  for (const update of updates) {
    expect(update.dtype, update.name).toBe(TF_TYPE.float32);
    const path = pathOf(named, update);
    const sums = path.filter(({ type }) => type === 'Add' || type === 'AddV2');
    expect(sums.length, update.name).toBeGreaterThanOrEqual(replicas - 1);
    // A compiled loop may read the gradient of one replica as the layer gave it, and widens it then.
    const narrow = path.filter((node) => isNarrow(node) && node.type !== 'Reshape');
    expect(narrow, update.name).toEqual([]);
  }
}
