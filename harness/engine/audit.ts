import { madeAt, type Node } from './graph.ts';
import type { Device } from './library/pins.ts';

/**
 * Ops whose CPU kernels give the same bits for the same inputs and lanes, whatever the number of
 * cores. Each is here because its kernel was looked at or measured; `golden/determinism.test.ts` runs
 * those that cut sums up. An op that is not here fails compilation.
 */
const DETERMINISTIC_ON_CPU: ReadonlySet<string> = new Set(
  `Abs Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin AssignAddVariableOp AssignSubVariableOp
  AssignVariableOp AvgPool AvgPoolGrad BatchMatMulV2 BiasAdd BiasAddGrad BitwiseXor BroadcastTo Cast CheckNumericsV2
  ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropFilter Conv2DBackpropInput Cos Cumsum
  DecodeAndCropJpeg Div DivNoNan Equal Exp ExpandDims Fill Floor FloorMod FusedBatchNormGradV3
  FusedBatchNormV3 GatherNd GatherV2 Greater GreaterEqual Identity InvertPermutation IsFinite IsInf IsNan
  L2Loss LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
  MaxPoolGrad Maximum Mean Min Minimum Mod Mul MulNoNan Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2
  Placeholder Pow Prod Range Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 ReluGrad Reshape
  ResourceApplyGradientDescent ResourceApplyMomentum ResourceGather ResourceScatterUpdate ResourceStridedSliceAssign ReverseV2 Rint Round Rsqrt RsqrtGrad Select SelectV2
  Shape Sigmoid Sign Sin Slice Snapshot Softmax Softplus SparseSoftmaxCrossEntropyWithLogits Split SplitV
  Sqrt SqrtGrad Square SquaredDifference Squeeze StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformInt
  StopGradient StridedSlice StridedSliceGrad Sub Sum Svd Tanh Tile TopKV2 Transpose UniqueV2 Unpack UnsortedSegmentSum VarHandleOp
  ZerosLike`.split(/\s+/),
);

/**
 * Ops of the list above whose GPU kernels are not known to repeat, or depend on settings that are not
 * fixed. Read in TensorFlow's list of nondeterministic ops and its kernels; none of it has been run on
 * a GPU yet. The rest repeats there because the environment asks for deterministic kernels and no
 * autotuning before the library loads (environment.ts): convolutions and their gradients, batch norm,
 * max-pool gradients, BiasAddGrad, segment sums, matrix products on one stream.
 */
const NOT_ON_GPU: Readonly<Record<string, string>> = {
  Cumsum: 'nothing says that its parallel scan adds in one order',
  DecodeAndCropJpeg: 'images are not decoded on a GPU',
  Svd: 'cuSOLVER promises no bits',
  UniqueV2: 'nothing says that its sort repeats',
};

/**
 * Holds a graph to the list of its device.
 * @throws naming the first op that is not on it and the line that made it.
 */
export function auditGraph(nodes: readonly Node[], device: Device): void {
  for (const node of nodes) {
    const reason = unlisted(node.type, device);
    if (reason === undefined) continue;
    throw new Error(
      `engine: op ${node.type} is not on the list of deterministic ops for ${device}${reason}; it ${madeAt(node)}. ` +
        'Use another op, or show in a test that its bits repeat and add it to harness/engine/audit.ts.',
    );
  }
}

/** Why an op may not run on a device; nothing when it may. */
function unlisted(type: string, device: Device): string | undefined {
  if (!DETERMINISTIC_ON_CPU.has(type)) return '';
  const reason = device === 'gpu' ? NOT_ON_GPU[type] : undefined;
  return reason === undefined ? undefined : ` (${reason})`;
}
