import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { sha256Json } from '../../base/hash.ts';
import { DETERMINISTIC_ON_CPU } from '../graph/audit.ts';
import { CASES, REVISION } from './cases.ts';
import type { Found, Task } from './ids.child.ts';
import { inProcess } from './ids.processes.ts';
import type { NumericsIds } from './ids.ts';

const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
const has = (feature: string) => new RegExp(`\\b${feature}\\b`).test(cpuinfo);

async function ids(task: Task, environment?: Readonly<Record<string, string>>) {
  const [first] = (await inProcess(task, environment)).found;
  return first as NumericsIds;
}

let native: Found;
let here: NumericsIds;
beforeAll(async () => {
  native = await inProcess({ times: 2, more: true });
  [here] = native.found as [NumericsIds];
});

/** Ids in fp32 that were met before, and where. */
const met = new Map<string, string>();

// One process after the other, as each takes all cores.
test.each<[string, Task, Readonly<Record<string, string>>]>([
  ['oneDNN off', { unfixed: true }, { TF_ENABLE_ONEDNN_OPTS: '0' }],
  ['1 lane', { lanes: 1 }, {}],
  ['4 lanes', { lanes: 4 }, {}],
  ['AVX2', {}, { ONEDNN_MAX_CPU_ISA: 'AVX2' }],
])('%s has an id of its own', async (name, task, environment) => {
  met.set(here.fp32, 'this machine');
  const { fp32, bf16 } = await ids(task, environment);
  expect(fp32).toMatch(/^[0-9a-f]{12}$/);
  if (name === 'AVX2') expect(bf16).toBeUndefined();
  if (name === 'AVX2' && !has('avx512f')) return; // it is what this machine has
  expect(met.get(fp32)).toBeUndefined();
  met.set(fp32, name);
});

test('there is an id for bf16 where the CPU has AVX-512', () => {
  expect(here.bf16 === undefined).toBe(!has('avx512bw'));
});

test.runIf(has('avx512bw'))('AVX-512 is told from its successors in bf16 alone', async () => {
  const core = await ids({}, { ONEDNN_MAX_CPU_ISA: 'AVX512_CORE' });
  expect(core.fp32).toBe(here.fp32);
  expect(core.bf16).toMatch(/^[0-9a-f]{12}$/);
  expect(core.bf16 !== here.bf16).toBe(has('avx512_bf16'));
});

const HOSTILE = { TF_ENABLE_ONEDNN_OPTS: '0', TF_NUM_INTRAOP_THREADS: '7', OMP_NUM_THREADS: '3' };

test.each<[string, Task, Readonly<Record<string, string>>]>([
  ['one core', { options: { intraThreads: 1, interThreads: 1 } }, {}],
  ['more threads', { options: { intraThreads: 3, interThreads: 4 } }, {}],
  ['a TensorFlow server', { server: true }, {}],
  ['variables left in a shell', {}, HOSTILE],
])('%s: the same ids', async (_, task, environment) => {
  expect(await ids(task, environment)).toEqual(here);
});

test('repeated in one process: the same ids', () => {
  expect(native.found).toEqual([here, here]);
});

test('what follows in the process has the bits that it has without a probe', async () => {
  const { computed } = await inProcess({ times: 0, more: true });
  expect(computed).toMatch(/^[0-9a-f]{64}$/);
  expect(native.computed).toBe(computed);
});

/**
 * Ops whose result does not depend on how a kernel goes about it: copies, integers, and single operations that
 * IEEE 754 rounds in one way. `DecodeAndCropJpeg` computes in integers; `NonMaxSuppressionV4` is one loop over pairs of
 * boxes, for which no CPU has code of its own.
 */
const EXACT = new Set(
  `Abs Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin AssignAddVariableOp AssignSubVariableOp
  AssignVariableOp BitwiseXor BroadcastTo Cast CheckNumericsV2 ClipByValue Concat ConcatV2 Const DecodeAndCropJpeg
  DisableCopyOnRead Div DivNoNan DynamicPartition DynamicStitch EnsureShape Equal ExpandDims Fill Floor FloorDiv FloorMod GatherNd GatherV2 Greater GreaterEqual Identity
  InvertPermutation IsFinite IsInf IsNan LeakyRelu Less LessEqual LogicalAnd LogicalNot LogicalOr Maximum Min Minimum
  Mod Mul MulNoNan Neg NonMaxSuppressionV4 NoOp NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder Range Rank ReadVariableOp RealDiv
  Relu Relu6 ReluGrad Reshape ResourceApplyGradientDescent ResourceApplyMomentum ResourceGather
  ResourceScatterUpdate ResourceStridedSliceAssign ReverseV2 Rint Round Select SelectV2 Shape Sign Slice
  Snapshot Split SplitV SqrtGrad Square SquaredDifference Squeeze StatelessRandomUniform
  StatelessRandomUniformFullInt StatelessRandomUniformInt StopGradient StridedSlice StridedSliceGrad Sub Tile TopKV2
  Transpose UniqueV2 Unpack VarHandleOp ZerosLike`.split(/\s+/),
);

test('every op that a step may hold is probed, unless its result is exact', () => {
  const probed = new Set(
    CASES.flatMap(({ steps }) => Object.values(steps).map(({ type }) => type)),
  );
  expect([...DETERMINISTIC_ON_CPU].filter((type) => !probed.has(type) && !EXACT.has(type))).toEqual(
    [],
  );
});

// Another set of kernels gives every platform another name: goldens and records then need their new ids.
test('the kernels are those that platforms were named by', () => {
  expect(sha256Json([CASES, REVISION]).slice(0, 12)).toBe('6967d616e44e');
});

test('cases have names of their own', () => {
  const names = CASES.map(({ name, precision }) => `${precision} ${name}`);
  expect(new Set(names).size).toBe(names.length);
});
