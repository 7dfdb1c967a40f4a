import type { DType } from '../array.ts';
import { farewell, withoutNumbers } from '../exchange.ts';
import { Graph } from '../graph/graph.ts';
import { type Io, type TensorSpec, Tracing, type Variable } from '../graph/tracing.ts';
import type { Output } from '../native/capi.ts';
import { type Tensor, traceInto } from '../tf.ts';
import { FedConstants } from './fed_constants.ts';
import { Decisions, type FreeTrace } from './free_trace.ts';
import { type Explored, type Plan, planOf } from './plan.ts';
import { checkedSizes, type SizeSpecs, type Sizes, tracedSizes } from './ranges.ts';
import { Sizing } from './sizing.ts';

/** An input of an entry; its shape may follow from free sizes. */
export interface InputSpec {
  readonly dtype: DType;
  readonly shape: readonly number[] | ((sizes: Sizes) => readonly number[]);
}

export function shapeAt({ shape }: Pick<InputSpec, 'shape'>, sizes: Sizes): readonly number[] {
  return typeof shape === 'function' ? shape(sizes) : shape;
}

interface Traced {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly build: (io: Io) => Readonly<Record<string, Tensor>>;
}

type Feeds = ReadonlyMap<string, { readonly spec: InputSpec; readonly output: Output }>;

/**
 * An entry whose sizes are free (docs/decisions.md, "One graph for images of every size"). It is traced at some sizes
 * into graphs that are thrown away, which have to be alike but for constants; how those follow from sizes is read off
 * them. In the trace that is kept, runs are fed with such constants.
 */
export class SizedEntry {
  private readonly name: string;
  private readonly specs: SizeSpecs;
  private readonly sizes: readonly Sizes[];
  private readonly plan: Plan;
  private readonly decisions = new Decisions();
  private readonly constants = new FedConstants();

  /** @throws EngineError where what is traced depends on sizes in a way that no graph for all of them can follow */
  constructor(
    name: string,
    definition: Traced,
    specs: SizeSpecs,
    state: (name: string) => TensorSpec,
  ) {
    this.name = name;
    this.specs = specs;
    this.sizes = tracedSizes(specs);
    try {
      this.plan = this.explored(definition, state, { placed: false });
    } catch {
      // Only an error tells where something was made: what ends in one is traced again with that.
      this.plan = this.explored(definition, state, { placed: true });
    }
  }

  /** The shape of an input, -1 where it follows from sizes. */
  commonShape(spec: InputSpec): readonly number[] {
    const [first = [], ...others] = this.sizes.map((sizes) => shapeAt(spec, sizes));
    return first.map((length, axis) => (others.every((one) => one[axis] === length) ? length : -1));
  }

  /** Traces for all sizes. */
  traced<T>(graph: Graph, feeds: Feeds, trace: (free: FreeTrace) => T): T {
    const [sizes = {}] = this.sizes;
    const sizing = new Sizing(this.plan, this.constants);
    const inputs = [...feeds.values()].map(({ spec, output }) => ({
      output,
      dtype: spec.dtype,
      shape: shapeAt(spec, sizes),
    }));
    sizing.given(inputs);
    const { decisions } = this;
    const find = (name: string, size: Output) => sizing.find(name, size);
    try {
      return graph.sizedBy(sizing, () => trace({ sizes, decisions, find }));
    } finally {
      sizing.dispose();
    }
  }

  /** All sizes of a run. */
  checked(given: Sizes): Sizes {
    return checkedSizes(this.name, this.specs, given, this.plan.found);
  }

  /** What a run of these sizes is fed with besides its inputs. */
  feeds(sizes: Sizes) {
    return this.constants.at(sizes);
  }

  private explored(
    definition: Traced,
    state: (name: string) => TensorSpec,
    how: { readonly placed: boolean },
  ): Plan {
    const found = new Set<string>();
    const explored: Explored[] = [];
    try {
      for (const sizes of this.sizes)
        explored.push({ sizes, graph: this.explore(definition, state, { ...how, sizes, found }) });
      const names = Object.keys(this.specs).filter(
        (size) => typeof this.specs[size] === 'function',
      );
      return planOf(explored, found, new Set(names));
    } finally {
      for (const { graph } of explored) graph.dispose();
    }
  }

  private explore(
    { inputs, build }: Traced,
    state: (name: string) => TensorSpec,
    how: { readonly placed: boolean; readonly sizes: Sizes; readonly found: Set<string> },
  ): Graph {
    const { placed, sizes, found } = how;
    const graph = new Graph({ explored: true, placed });
    const feeds = new Map(
      Object.entries(inputs).map(([key, spec]) => [
        key,
        { output: graph.placeholder(spec.dtype, shapeAt(spec, sizes)) },
      ]),
    );
    const variables = new Map<string, Variable>();
    const variable = (name: string) => {
      const known = variables.get(name) ?? variableOf(graph, state(name));
      variables.set(name, known);
      return known;
    };
    const free: FreeTrace = {
      sizes,
      decisions: this.decisions,
      find: (name) => found.add(name),
    };
    const body = () => {
      const io = new Tracing(graph, variable, feeds);
      build(io);
      io.finish();
      farewell();
    };
    try {
      withoutNumbers(() => traceInto(graph, undefined, body, free));
    } catch (error) {
      graph.dispose();
      throw error;
    }
    return graph;
  }
}

function variableOf(graph: Graph, spec: TensorSpec): Variable {
  const attrs = { dtype: { dtype: spec.dtype }, shape: { shape: spec.shape } };
  return { spec, handle: { oper: graph.add('VarHandleOp', [], attrs).oper, index: 0 } };
}
