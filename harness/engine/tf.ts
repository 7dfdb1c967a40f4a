import { createRequire } from 'node:module';
import type * as TfCore from '@tensorflow/tfjs-core';
import type { DType, HostArray, TypedArray } from './array.ts';
import type { Checks } from './graph/checks.ts';
import type { AttrValue } from './graph/description.ts';
import type { Graph } from './graph/graph.ts';
import { opDefinition } from './graph/opdefs.ts';
import type { Output, Pointer } from './native/capi.ts';
import { dtypeOf, TF_TYPE } from './native/native.ts';
import type { FreeTrace } from './sizes/free_trace.ts';
import { keepTraced, placeGradients, type Trace } from './tape.ts';
import { tf } from './tfjs.ts';

const require = createRequire(import.meta.url);

export type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
export { tf } from './tfjs.ts';

interface OutputInfo {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}
interface OpAttr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}
/** The part of tfjs-node's backend class that is used here. */
export interface Backend {
  executeMultipleOutputs(
    name: string,
    attrs: readonly OpAttr[],
    inputs: readonly TfCore.Tensor[],
    outputs: number,
  ): TfCore.Tensor[];
  createOutputTensor(info: OutputInfo): TfCore.Tensor;
  getInputTensorIds(tensors: readonly TfCore.Tensor[]): number[];
}

let active: Trace | undefined;
let nextId = 1;

const TYPES = {
  TF_FLOAT: 1,
  TF_INT32: 3,
  TF_UINT8: 4,
  TF_STRING: 7,
  TF_COMPLEX64: 8,
  TF_INT64: 9,
  TF_BOOL: 10,
  TF_RESOURCE: 20,
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
} as const;

/** The object tfjs-node's kernels talk to, in place of its native addon. */
const binding = {
  ...TYPES,
  isUsingGpuDevice: () => false,
  createTensor: (shape: readonly number[], dtype: number, values: ArrayLike<number | bigint>) =>
    register(trace().graph.constant(constantArray(shape, dtype, values))),
  deleteTensor: () => undefined,
  tensorDataSync: () => {
    throw new Error(
      'engine: a value was read while tracing; the graph has not run yet. Return the tensor as an output of the entry and read it there.',
    );
  },
  executeOp: (type: string, attrs: readonly OpAttr[], ids: readonly number[], outputs: number) =>
    execute(type, attrs, ids, outputs),
};

function trace(): Trace {
  if (active === undefined)
    throw new Error(
      'engine: no graph is being traced; use tf ops only inside an entry of a Program',
    );
  return active;
}

function register(output: Output): number {
  const id = nextId++;
  trace().outputs.set(id, output);
  return id;
}

function constantArray(
  shape: readonly number[],
  type: number,
  values: ArrayLike<number | bigint>,
): HostArray {
  const dtype = dtypeOf(type);
  const data: TypedArray =
    dtype === 'int64'
      ? BigInt64Array.from(Array.from(values, BigInt))
      : dtype === 'int32'
        ? Int32Array.from(Array.from(values, Number))
        : dtype === 'bool' || dtype === 'uint8'
          ? Uint8Array.from(Array.from(values, Number))
          : Float32Array.from(Array.from(values, Number));
  return { dtype, shape: Array.from(shape), data };
}

function execute(
  type: string,
  attrs: readonly OpAttr[],
  ids: readonly number[],
  outputs: number,
): OutputInfo[] {
  const { graph } = trace();
  const inputs = promote(type, ids.map(outputOf));
  const values = Object.fromEntries(
    attrs.map(({ name, value }) => [name, value as AttrValue] as const),
  );
  const { oper } = graph.add(type, inputs, values);
  return Array.from({ length: outputs }, (_, index) => describe({ oper, index }));
}

/** Registers a graph output for tfjs; in a debug run its value is checked. */
function describe(output: Output): OutputInfo {
  const { graph, checks } = trace();
  const { shape, type } = graph.meta(output);
  if (shape.includes(-1))
    throw new Error(`engine: the shape of ${nameOf(output)} is not known while tracing`);
  checks?.watch(output, type);
  return { id: register(output), shape, dtype: type };
}

/** In a debug run, checks a value that no op made. @param what `state 'w'` */
export function watchSource(output: Output, what: string): void {
  const { graph, checks } = trace();
  checks?.watch(output, graph.meta(output).type, what);
}

const FLOATS: ReadonlySet<number> = new Set([1, 2, 14, 19]);

const NARROW: ReadonlySet<number | undefined> = new Set([TF_TYPE.bfloat16, TF_TYPE.float16]);

/** Mixed precision by construction: where an op's inputs of one type mix a narrow one and fp32, fp32 wins. */
function promote(type: string, inputs: readonly Output[]): readonly Output[] {
  const { graph } = trace();
  const types = inputs.map((input) => graph.meta(input).type);
  if (!types.includes(TF_TYPE.float32) || !types.some((each) => NARROW.has(each))) return inputs;
  const groups = opDefinition(type).inputs.flatMap(({ typeAttr, numberAttr }) =>
    numberAttr === '' ? [typeAttr] : Array.from(inputs, () => typeAttr),
  );
  const wide = new Set(groups.filter((_, i) => types[i] === TF_TYPE.float32));
  return inputs.map((input, i) =>
    NARROW.has(types[i]) && wide.has(groups[i] ?? '') && groups[i] !== ''
      ? { oper: graph.add('Cast', [input], { DstT: { dtype: 'float32' } }).oper, index: 0 }
      : input,
  );
}

function outputOf(id: number): Output {
  const output = trace().outputs.get(id);
  if (output === undefined)
    throw new Error('engine: a tensor of another trace was used; pass it in as state or input');
  return output;
}

function nameOf(output: Output): string {
  return trace().graph.maker(output)?.type ?? 'a node';
}

/** The backend tensors of tfjs live on; created on first use. */
function registerBackend(): Backend {
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend');
  const backend = new NodeJSKernelBackend(binding, '@tensorflow/tfjs-node-gpu');
  backend.createOutputTensor = createOutputTensor(backend);
  tf.registerBackend('tensorflow', () => backend, 10);
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
  tf.setBackend('tensorflow');
  keepTraced(() => active);
  placeGradients(() => active);
  return backend as Backend;
}

/** tfjs knows no bf16, fp16, int64 or uint8: it sees them as float32 and int32, the graph keeps them. */
function createOutputTensor(backend: {
  tensorMap: { set(id: object, value: object): void };
}): Backend['createOutputTensor'] {
  return ({ id, shape, dtype }) => {
    const dataId = {};
    backend.tensorMap.set(dataId, { shape, dtype, id, values: null, refCount: 1 });
    const seen = dtype === 10 ? 'bool' : FLOATS.has(dtype) ? 'float32' : 'int32';
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype: seen });
  };
}

let backend: Backend | undefined;

/** Runs `body` with tfjs ops adding to `graph`; all tensors made in it are gone afterwards. */
export function traceInto<T>(
  graph: Graph,
  checks: Checks | undefined,
  body: () => T,
  free?: FreeTrace,
): T {
  if (active !== undefined) throw new Error('engine: traces do not nest');
  backend ??= registerBackend();
  active = { graph, outputs: new Map(), made: [], checks, casts: new Map(), moves: [], free };
  free?.decisions.restart();
  try {
    return body();
  } finally {
    const { made } = active;
    active = undefined;
    for (const tensor of made) if (!tensor.isDisposed) tensor.dispose();
  }
}

/** The graph being traced. */
export function activeGraph(): Graph {
  return trace().graph;
}

/** The trace, where sizes are free. */
export function freeTrace(): FreeTrace | undefined {
  return trace().free;
}

/** Whether the same ops have to do at every size of some inputs. */
export function sizesAreFree(): boolean {
  return trace().free !== undefined;
}

/**
 * Whether to take one of two ways that are right at every size, and of which size says which is quicker. Where sizes
 * are free, one of them decides for all.
 */
export function bySize(decide: () => boolean): boolean {
  const { free } = trace();
  return free === undefined ? decide() : free.decisions.decide(decide);
}

/** Keeps an op that sends to another process or receives from it, for the end of the run to wait for. */
export function moved(oper: Pointer): void {
  trace().moves.push(oper);
}

/** What was kept so. */
export function moves(): readonly Pointer[] {
  return trace().moves;
}

/** Makes a graph output usable by tfjs ops. */
export function wrap(output: Output): TfCore.Tensor {
  const { shape, type } = trace().graph.meta(output);
  if (backend === undefined) throw new Error('engine: no backend');
  return backend.createOutputTensor({ id: register(output), shape, dtype: type });
}

/** The graph output behind a tensor. */
export function unwrap(tensor: TfCore.Tensor): Output {
  const id = backend?.getInputTensorIds([tensor])[0];
  if (id === undefined) throw new Error('engine: tensor without a graph node');
  return outputOf(id);
}

/** The element type in the graph, which may be narrower than tfjs shows. */
export function dtypeInGraph(tensor: TfCore.Tensor): DType {
  return dtypeOf(trace().graph.meta(unwrap(tensor)).type);
}

/** The result of `make` for this key, made once a trace. */
export function memoized(key: string, make: () => TfCore.Tensor): TfCore.Tensor {
  const { casts } = trace();
  const known = casts.get(key);
  if (known !== undefined) return known;
  const made = make();
  casts.set(key, made);
  return made;
}

/** The same value under a new identity: gradients that reach it stop there, or are kept apart. */
export function detached(tensor: TfCore.Tensor): TfCore.Tensor {
  return wrap(unwrap(tensor));
}

/** Adds one node with promotion and NaN checks, as tfjs kernels do. */
export function addNode(
  type: string,
  inputs: readonly TfCore.Tensor[],
  attrs: Readonly<Record<string, AttrValue>>,
  outputs: number,
): TfCore.Tensor[] {
  const { graph } = trace();
  const { oper } = graph.add(type, promote(type, inputs.map(unwrap)), attrs);
  return Array.from({ length: outputs }, (_, index) => {
    const info = describe({ oper, index });
    if (backend === undefined) throw new Error('engine: no backend');
    return backend.createOutputTensor(info);
  });
}
