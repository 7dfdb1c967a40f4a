import '@tensorflow/tfjs-backend-cpu';
import { type HostArray, hostArray } from '../engine/array.ts';
import { type Precision, withPrecision } from '../engine/precision.ts';
import { Program, type ProgramOptions } from '../engine/program.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';

export type Arrays = Readonly<Record<string, HostArray>>;
export type Tensors = Readonly<Record<string, Tensor>>;

/** float32 values under a shape. */
export function floats(shape: readonly number[], values: Iterable<number>): HostArray {
  return hostArray('float32', shape, Float32Array.from(values));
}

/** Runs a function of tensors once, in a program of its own. */
export async function evaluate(
  inputs: Arrays,
  build: (inputs: Tensors) => Tensors,
  { precision = 'fp32', ...options }: ProgramOptions & { readonly precision?: Precision } = {},
): Promise<Record<string, HostArray>> {
  const program = new Program(options);
  try {
    program.entry('evaluate', {
      inputs,
      build: (io) => withPrecision(precision, () => build(io.inputs)),
    });
    const data = Object.entries(inputs).map(([name, { data }]) => [name, data] as const);
    return await program.run('evaluate', Object.fromEntries(data));
  } finally {
    program.dispose();
  }
}

/** A differentiable function of some named tensors, given constants. */
export interface Differentiable {
  readonly variables: Arrays;
  readonly constants?: Arrays;
  readonly apply: (tensors: Tensors) => Tensor;
}

/** Adds to the graph: `y` in float32, and for each variable v the gradient `grad.v` of <y, upstream>. */
export function withGradients(
  variables: readonly string[],
  inputs: Tensors,
  apply: (tensors: Tensors) => Tensor,
): Tensors {
  let y: Tensor | undefined;
  const loss = (...values: Tensor[]) => {
    const made = apply({
      ...inputs,
      ...Object.fromEntries(variables.map((name, i) => [name, tensor(values[i])])),
    });
    y = tf.keep(made); // tf.grads tidies what it does not return
    return tf.sum<Scalar>(tf.mul(made, tensor(inputs.upstream)));
  };
  const gradients = tf.grads(loss)(variables.map((name) => tensor(inputs[name])));
  return {
    y: wide(y),
    ...Object.fromEntries(variables.map((name, i) => [`grad.${name}`, wide(gradients[i])])),
  };
}

/** `y` and every `grad.v` of a function for a given gradient of `y`. */
export function differentiate(
  { variables, constants = {}, apply }: Differentiable,
  upstream: HostArray,
  options: ProgramOptions & { readonly precision?: Precision } = {},
): Promise<Record<string, HostArray>> {
  const names = Object.keys(variables);
  const inputs = { ...variables, ...constants, upstream };
  return evaluate(inputs, (tensors) => withGradients(names, tensors, apply), options);
}

/**
 * The same by tfjs's own pure-JavaScript kernels and gradients: a second implementation that shares
 * nothing with the engine. `apply` uses tf ops only.
 */
export function onJavaScript(
  { variables, constants = {}, apply }: Differentiable,
  upstream: HostArray,
): Record<string, HostArray> {
  const before = tf.getBackend();
  tf.setBackend('cpu');
  tf.engine().startScope('reference');
  try {
    const all = Object.entries({ ...variables, ...constants, upstream });
    const tensors = all.map(([name, array]) => [name, eager(array)] as const);
    const made = withGradients(Object.keys(variables), Object.fromEntries(tensors), apply);
    const read = Object.entries(made).map(
      ([name, value]) => [name, floats(value.shape, value.dataSync())] as const,
    );
    return Object.fromEntries(read);
  } finally {
    tf.engine().endScope();
    if (before) tf.setBackend(before);
  }
}

/** A bf16 value as float32: the other factor decides. */
function wide(value: Tensor | undefined): Tensor {
  return tf.mul(tensor(value), tf.scalar(1));
}

function eager({ data, shape, dtype }: HostArray): Tensor {
  return tf.tensor(Array.from(data, Number), [...shape], dtype === 'int32' ? 'int32' : 'float32');
}

function tensor(value: Tensor | undefined): Tensor {
  if (value === undefined) throw new Error('evaluate: a tensor is missing');
  return value;
}
