/**
 * The ops that may run on an NVIDIA GPU, apart from the list for CPUs. Each is here because of what its
 * kernel does, or because of a source that says that it repeats; docs/determinism.md has what was run on one.
 *
 * Sources: [status] NVIDIA, framework-reproducibility, doc/d9m/tensorflow_status.md; [release] TensorFlow's
 * release notes of 2.7 and 2.8, "Deterministic Op Functionality"; [kernel] TensorFlow's sources, as named;
 * [cuBLAS], [CUB] NVIDIA's documentation of these. The environment (environment.ts) asks for what they
 * name: TF_DETERMINISTIC_OPS, which `OpDeterminismRequired` reads ([kernel] determinism.cc) and which
 * makes kernels without a deterministic path fail, and a fixed workspace for cuBLAS.
 */

/** Each element of the result is made by one thread from its own inputs: there is no order to lose. */
const ELEMENTWISE = `Abs Add AddN AddV2 ApproximateEqual BiasAdd BitwiseXor Cast CheckNumericsV2 ClipByValue
  Cos Div DivNoNan Equal Exp Floor FloorMod Greater GreaterEqual IsFinite IsInf IsNan LeakyRelu Less LessEqual
  Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Neg NotEqual OneHot Pow RealDiv
  Reciprocal Relu Relu6 ReluGrad Rint Round Rsqrt RsqrtGrad Select SelectV2 Sigmoid Sign Sin Softplus Sqrt
  SqrtGrad Square SquaredDifference Sub Tanh ResourceApplyGradientDescent ResourceApplyMomentum
  AssignAddVariableOp AssignSubVariableOp`;

/** Each element is copied, or is a constant; [status] says of gather that it repeats. */
const COPIES = `AssignVariableOp BroadcastTo Concat ConcatV2 Const DisableCopyOnRead EnsureShape ExpandDims Fill GatherNd GatherV2 Identity
  InvertPermutation NoOp OnesLike Pack Pad PadV2 Placeholder Range Rank ReadVariableOp Reshape ResourceGather
  ResourceStridedSliceAssign ReverseV2 Shape Slice Snapshot Split SplitV Squeeze StopGradient StridedSlice
  StridedSliceGrad Tile Transpose Unpack VarHandleOp ZerosLike`;

/** Ops between processes: why their bits repeat, on NCCL as over gRPC. They move values; what is added is added beside them. */
export const COLLECTIVES: Readonly<Record<string, string>> = {
  CollectiveAllToAllV2: 'rows are copied to the process of their place',
  CollectiveBcastRecvV2: 'a copy',
  CollectiveBcastSendV2: 'a copy',
  CollectiveGatherV2:
    'rows are copied, in order of the names of devices, which are in order of rank',
  Recv: 'a copy of the tensor that was sent under its name',
  Send: 'a copy',
};

/** Ops between processes that no device may run, and why. */
export const NO_COLLECTIVES: Readonly<Record<string, string>> = {
  CollectiveReduceV2:
    'it adds in an order that follows from the number of processes and the size of the tensor; sumOf in harness/cluster adds in the fixed tree',
  CollectiveReduceScatterV2: 'as CollectiveReduceV2, and no CPU has a kernel of it',
  CollectiveReduceV3: 'as CollectiveReduceV2',
  NcclAllReduce: 'as CollectiveReduceV2',
};

/** Ops that put many elements into one, or choose a kernel: why their bits repeat all the same. */
const REPEATS_ON_GPU: Readonly<Record<string, string>> = {
  All: 'a reduction of truth values: no rounding',
  Any: 'a reduction of truth values: no rounding',
  Max: 'a reduction without rounding',
  Min: 'a reduction without rounding',
  ArgMax: '[kernel] Eigen, TensorArgMax.h: one thread goes over the inputs of an output in order',
  ArgMin: 'as ArgMax',
  Sum: '[CUB] DeviceReduce: the same bits from run to run on the same device; [kernel] reduction_gpu_kernels.cu.h adds partial sums in the order of blocks, without atomics',
  Mean: 'as Sum',
  Prod: 'as Sum',
  L2Loss: 'as Sum; [kernel] l2loss_op_gpu.cu.cc reduces with CUB',
  Softmax: 'row by row, sums as Sum',
  LogSoftmax: 'row by row, sums as Sum',
  BiasAddGrad: '[status] tf.nn.bias_add backprop: solved, since 2.1',
  UnsortedSegmentSum: '[release] deterministic since 2.7',
  ResourceScatterUpdate:
    '[kernel] resource_variable_ops.cc scatters on the CPU where determinism is asked for; equal indices carry equal rows (lastOfEach)',
  MatMul:
    '[cuBLAS] the same bits with one stream, or with a fixed workspace; on the same GPU model and toolkit',
  BatchMatMulV2: 'as MatMul',
  Conv2D:
    '[status] auto-tuning and cuDNN convolution: solved; [kernel] conv_ops_gpu.cc takes the first deterministic algorithm',
  Conv2DBackpropFilter: 'as Conv2D: algorithms with atomics are left out',
  Conv2DBackpropInput: 'as Conv2D: algorithms with atomics are left out',
  FusedBatchNormV3: '[status] names only the gradient without training',
  FusedBatchNormGradV3:
    '[status] names only the gradient without training, which fails there by itself; inference here is element-wise (batchNormEval)',
  MaxPool: 'no rounding',
  MaxPoolGrad: '[status] max-pool backprop: solved, since 2.1',
  AvgPool: 'each output is summed by one thread over its window',
  AvgPoolGrad:
    '[kernel] avgpooling_op_gpu.cu.cc: each input is summed by one thread over the windows it is in',
  TopKV2: 'no rounding; of equal values the lower index comes first, says its documentation',
  StatelessRandomUniform: 'counter-based: each element follows from key and place',
  StatelessRandomUniformFullInt: 'counter-based: each element follows from key and place',
  StatelessRandomUniformInt: 'counter-based: each element follows from key and place',
};

/** Ops that are computed on the CPU beside a GPU, with the CPU's bits, and why. */
export const ON_CPU: Readonly<Record<string, string>> = {
  Cumsum: 'nothing says that its parallel scan adds in one order',
  DecodeAndCropJpeg: 'images are not decoded on a GPU',
  NonMaxSuppressionV4: 'nothing says how its kernel breaks ties',
  SelfAdjointEigV2: 'cuSOLVER promises no bits',
  Svd: 'cuSOLVER promises no bits',
  UniqueV2: 'nothing says that its sort repeats',
};

/** Ops of the list for CPUs that GPUs do without, and what stands in for them. */
export const NOT_ON_GPU: Readonly<Record<string, string>> = {
  SparseSoftmaxCrossEntropyWithLogits:
    'its kernel refuses to run where determinism is asked for; softmaxCrossEntropy composes it',
};

export const DETERMINISTIC_ON_GPU: ReadonlySet<string> = new Set([
  ...[ELEMENTWISE, COPIES].flatMap((list) => list.split(/\s+/)),
  ...Object.keys(REPEATS_ON_GPU),
  ...Object.keys(COLLECTIVES),
  ...Object.keys(ON_CPU),
]);
