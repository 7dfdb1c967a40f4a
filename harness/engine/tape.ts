import type * as TfCore from '@tensorflow/tfjs-core';
import type { Checks } from './graph/checks.ts';
import type { Graph } from './graph/graph.ts';
import { madeAt } from './graph/origin.ts';
import type { Output, Pointer } from './native/capi.ts';
import type { FreeTrace } from './sizes/free_trace.ts';
import { tf } from './tfjs.ts';

/** A graph while tfjs ops add to it. */
export interface Trace {
  readonly graph: Graph;
  readonly outputs: Map<number, Output>;
  readonly made: TfCore.Tensor[];
  readonly checks: Checks | undefined;
  /** Casts made so far: towers that share a parameter share its bf16 copy. */
  readonly casts: Map<string, TfCore.Tensor>;
  /** Ops that send tensors to other processes or receive them. */
  readonly moves: Pointer[];
  /** Where the sizes of inputs are free. */
  readonly free?: FreeTrace | undefined;
}

/** The trace under way, if there is one. */
type Active = () => Trace | undefined;

/** Nothing traced is disposed early: a closure may hand any tensor out of `tf.grads`. */
export function keepTraced(active: Active): void {
  const engine = tf.engine() as unknown as {
    trackTensor(tensor: TfCore.Tensor, backend: unknown): void;
  };
  const track = engine.trackTensor.bind(engine);
  engine.trackTensor = (tensor, backend) => {
    track(tensor, backend);
    const trace = active();
    if (trace === undefined) return;
    tensor.kept = true;
    trace.made.push(tensor);
  };
}

interface TapeNode {
  readonly kernelName: string;
  gradient?: (dys: TfCore.Tensor[]) => Readonly<Record<string, () => TfCore.Tensor>>;
}

/** What a gradient adds to the graph is known by the line of its op, not by that of `tf.grads`. */
export function placeGradients(active: Active): void {
  const engine = tf.engine() as unknown as {
    addTapeNode(...args: readonly unknown[]): void;
    readonly state: { readonly activeTape: readonly TapeNode[] };
  };
  const add = engine.addTapeNode.bind(engine);
  engine.addTapeNode = (...args) => {
    add(...args);
    const node = engine.state.activeTape.at(-1);
    const trace = active();
    if (node === undefined || trace === undefined) return;
    const { graph } = trace;
    const origin = graph.here();
    const { part } = graph;
    const { gradient, kernelName } = node;
    const placed = <T>(body: () => T): T =>
      graph.inPart(part, () => graph.gradientOf(origin, body));
    node.gradient = (dys) => {
      if (gradient === undefined)
        throw new Error(
          `engine: ${kernelName} ${madeAt({ origin, gradient: false })} and has no gradient; give it one with withGradient, or keep the loss from depending on it`,
        );
      const made = placed(() => gradient(dys));
      return Object.fromEntries(
        Object.entries(made).map(([name, make]) => [name, () => placed(make)]),
      );
    };
  };
}
