import type { Meeting } from '../engine/ops/normalization.ts';
import type { Tensor } from '../engine/tf.ts';

/** Tensors by name, e.g. `layer1.0.conv1.weight`. */
export type Params = Readonly<Record<string, Tensor>>;

/** How a parameter starts. Draws come from a stream of its own: (seed, 'init', full name). */
export type Initial =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** A filter that is given, in the order of files. */
  | { readonly kind: 'values'; readonly values: readonly number[] };

export interface ParameterSpec {
  /** Shape in the graph: convolution filters HWIO, linear weights [out, in]. */
  readonly shape: readonly number[];
  readonly initial: Initial;
  /** Counters are int64 as in the original's files; all else is float32. */
  readonly dtype: 'float32' | 'int64';
  /** What it is, for rules of weight decay and layer-wise scaling. */
  readonly role: 'convolution' | 'linear' | 'norm' | 'bias' | 'statistic';
  /** False for fixed filters such as Sobel's. */
  readonly trainable: boolean;
}

/** What a module sees of the run while it is traced for one replica. */
export interface LayerContext {
  /** Batch statistics and dropout when true; running statistics when false. */
  readonly train: boolean;
  /** A buffer (running statistic) as it was before this step, or as this step last set it. */
  buffer(name: string): Tensor;
  /** Sets a buffer; it becomes state at the end of the step. */
  update(name: string, value: Tensor): void;
  /** A random value of this call of a layer, made from a key, int32 [2]; fed by tests of parity. */
  chance(name: string, make: (key: Tensor) => Tensor): Tensor;
  /**
   * Where one call of a layer adds up over all replicas, in its forward pass and in its gradient.
   * With one replica a sum is the value itself.
   */
  meeting(name: string): Meeting;
  /** Number of replicas of the experiment. */
  readonly replicas: number;
  /** Equal samples that each one of the batch stands for; 1 unless given. */
  readonly copies?: number;
  /** Whether a gradient comes back through this call; true unless given. */
  readonly learns?: boolean;
  /**
   * Where statistics are to be those of this batch alone instead of running ones: told over how many values of a channel
   * they are taken here.
   */
  counted?(values: number): void;
  /** The same context with every buffer name prefixed. */
  scope(prefix: string): LayerContext;
}

/**
 * A piece of a network: names and shapes on one side, a pure function on the other. Names are the
 * original's, relative to the module.
 */
export interface Module {
  readonly parameters: ReadonlyMap<string, ParameterSpec>;
  readonly buffers: ReadonlyMap<string, ParameterSpec>;
  apply(params: Params, x: Tensor, context: LayerContext): Tensor;
}

/** The same module, whose parameters learn nothing. */
export function fixed(module: Module): Module {
  const still = [...module.parameters].map(
    ([name, spec]) => [name, { ...spec, trainable: false }] as const,
  );
  return { ...module, parameters: new Map(still) };
}

/** The same module, which learns nothing, uses its running statistics and leaves them as they are. */
export function frozen(module: Module): Module {
  return {
    ...fixed(module),
    apply: (params, x, context) => module.apply(params, x, evaluating(context)),
  };
}

/** The entries under `prefix`, with the prefix removed. */
export function scoped(params: Params, prefix: string): Params {
  return Object.fromEntries(
    Object.entries(params)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
}

function prefixed<T>(entries: ReadonlyMap<string, T>, prefix: string): [string, T][] {
  return [...entries].map(([name, value]) => [prefix + name, value]);
}

/** The same context for layers that use running statistics and drop nothing, as frozen ones do. */
export function evaluating(context: LayerContext): LayerContext {
  return {
    train: false,
    replicas: context.replicas,
    buffer: (name) => context.buffer(name),
    update: (name, value) => context.update(name, value),
    chance: (name, make) => context.chance(name, make),
    meeting: (name) => context.meeting(name),
    scope: (prefix) => evaluating(context.scope(prefix)),
  };
}

/** Calls a child by its name within a composed module. */
export type Call<Name extends string> = (name: Name, x: Tensor) => Tensor;

/** What a composed module computes, given its children. */
export type Forward<Name extends string, Result> = (
  call: Call<Name>,
  x: Tensor,
  context: LayerContext,
) => Result;

/** `forward` with every child bound to its own parameters and buffers, `name.*`. */
export function bound<Name extends string, Result>(
  children: Readonly<Record<Name, Module>>,
  forward: Forward<Name, Result>,
): (params: Params, x: Tensor, context: LayerContext) => Result {
  return (params, x, context) => {
    const call: Call<Name> = (name, input) =>
      children[name].apply(scoped(params, `${name}.`), input, context.scope(`${name}.`));
    return forward(call, x, context);
  };
}

/** A module made of named children, e.g. `conv1` and `bn1`. */
export function composed<Name extends string>(
  children: Readonly<Record<Name, Module>>,
  forward: Forward<Name, Tensor>,
): Module {
  const named = Object.entries<Module>(children);
  return {
    parameters: new Map(
      named.flatMap(([name, { parameters }]) => prefixed(parameters, `${name}.`)),
    ),
    buffers: new Map(named.flatMap(([name, { buffers }]) => prefixed(buffers, `${name}.`))),
    apply: bound(children, forward),
  };
}

/** Modules one after another, named `0.`, `1.`, … as PyTorch's Sequential does. */
export function sequential(modules: readonly Module[]): Module {
  const children = Object.fromEntries(modules.map((module, i) => [String(i), module]));
  return composed(children, (call, x) => modules.reduce((y, _, i) => call(String(i), y), x));
}
