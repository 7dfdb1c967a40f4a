import type { Device } from '../library/pins.ts';
import { COLLECTIVES, DETERMINISTIC_ON_GPU, NO_COLLECTIVES, NOT_ON_GPU } from './audit_gpu.ts';
import type { Node } from './graph.ts';
import { madeAt } from './origin.ts';

/**
 * Ops whose CPU kernels give the same bits for the same inputs and lanes, whatever the number of
 * cores. Each is here because its kernel was looked at or measured; `golden/determinism.slow.test.ts` runs
 * those that cut sums up. An op that is not here fails compilation. Rsqrt and Reciprocal repeat too, but
 * begin with an estimate that each maker of CPUs has otherwise: `inverse_root.ts`.
 */
export const DETERMINISTIC_ON_CPU: ReadonlySet<string> = new Set(
  `Abs Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin AssignAddVariableOp AssignSubVariableOp
  AssignVariableOp AvgPool AvgPoolGrad BatchMatMulV2 BiasAdd BiasAddGrad BitwiseXor BroadcastTo Cast CheckNumericsV2
  ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropFilter Conv2DBackpropInput Cos Cumsum
  DecodeAndCropJpeg DisableCopyOnRead Div DivNoNan DynamicPartition DynamicStitch EnsureShape Equal Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNormGradV3
  FusedBatchNormV3 GatherNd GatherV2 Greater GreaterEqual Identity InvertPermutation IsFinite IsInf IsNan
  L2Loss LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
  MaxPoolGrad Maximum Mean Min Minimum Mod Mul MulNoNan Neg NoOp NonMaxSuppressionV4 NotEqual OneHot OnesLike Pack Pad PadV2
  Placeholder Pow Prod Range Rank ReadVariableOp RealDiv Relu Relu6 ReluGrad Reshape
  ResourceApplyGradientDescent ResourceApplyMomentum ResourceGather ResourceScatterUpdate ResourceStridedSliceAssign ReverseV2 Rint Round Select SelectV2
  SelfAdjointEigV2 Shape Sigmoid Sign Sin Slice Snapshot Softmax Softplus SparseSoftmaxCrossEntropyWithLogits Split SplitV
  Sqrt SqrtGrad Square SquaredDifference Squeeze StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformInt
  StopGradient StridedSlice StridedSliceGrad Sub Sum Svd Tanh Tile TopKV2 Transpose UniqueV2 Unpack UnsortedSegmentSum VarHandleOp
  ZerosLike`.split(/\s+/),
);

/**
 * Ops that XLA makes one loop of (`fused.ts`): each element is made from those at its own place, so there is
 * no order to lose, whatever the width of vectors and the number of threads.
 */
const FUSED: ReadonlySet<string> = new Set(
  'Add AddV2 Bitcast BitwiseXor Cast Greater Mul Placeholder Relu ZerosLike'.split(' '),
);

/**
 * Holds a graph to the list of its device.
 * @throws naming the first op that is not on it and the line that made it.
 */
export function auditGraph(nodes: readonly Node[], device: Device): void {
  for (const whole of nodes) {
    const part = whole.parts?.find(({ type }) => !FUSED.has(type));
    const node = part ?? whole;
    const reason = part ? ', fused' : whole.parts ? undefined : unlisted(node.type, device);
    if (reason === undefined) continue;
    throw new Error(
      `engine: op ${node.type} is not on the list of deterministic ops for ${device}${reason}; it ${madeAt(node)}. ` +
        'Use another op, or show in a test that its bits repeat and add it to harness/engine/graph/audit.ts, for a GPU to audit_gpu.ts.',
    );
  }
}

/** Whether an op is on the list of a device. */
export function mayRun(type: string, device: Device): boolean {
  return unlisted(type, device) === undefined;
}

/** Why an op may not run on a device; nothing when it may. */
function unlisted(type: string, device: Device): string | undefined {
  if (type in COLLECTIVES) return undefined;
  const between = NO_COLLECTIVES[type];
  if (between !== undefined) return ` (${between})`;
  if (device === 'cpu') return DETERMINISTIC_ON_CPU.has(type) ? undefined : '';
  if (DETERMINISTIC_ON_GPU.has(type)) return undefined;
  const reason = NOT_ON_GPU[type];
  return reason === undefined ? '' : ` (${reason})`;
}
