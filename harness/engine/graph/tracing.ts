import { type DType, sizeOf } from '../array.ts';
import type { Output, Pointer } from '../native/capi.ts';
import { activeGraph, dtypeInGraph, type Tensor, unwrap, watchSource, wrap } from '../tf.ts';
import type { Graph } from './graph.ts';

type Named<T> = Readonly<Record<string, T>>;

export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What an entry's build function works with; valid only while it is being traced. */
export interface Io {
  readonly inputs: Named<Tensor>;
  /** A state tensor as it was before this run. */
  read(name: string): Tensor;
  /** Rows of a state tensor, as they were before this run, without a copy of the rest: [M, …]. */
  readRows(name: string, indices: Tensor): Tensor;
  /** A state tensor as this run leaves it: after the `assign` or `apply` made for it before. */
  readAfter(name: string): Tensor;
  /** Sets a state tensor at the end of this run; each at most once an entry. */
  assign(name: string, value: Tensor): void;
  /** Updates state in place with an op like ResourceApplyMomentum: variables first, then inputs. */
  apply(type: string, variables: readonly string[], inputs: readonly Tensor[]): void;
}

export interface Variable {
  readonly spec: TensorSpec;
  readonly handle: Output;
}

const ROW_UPDATES: ReadonlySet<string> = new Set([
  'ResourceScatterUpdate',
  'ResourceStridedSliceAssign',
]);

/** Whether state has 4 MiB or more. Copying less costs nothing that could be measured. */
function isLarge({ shape }: TensorSpec): boolean {
  return sizeOf(shape) >= 1 << 20;
}

/** One entry while it is traced. */
export class Tracing implements Io {
  readonly inputs: Named<Tensor>;
  private readonly reads = new Map<string, Tensor>();
  /** Nodes that a write of the variable has to wait for. */
  private readonly readers = new Map<string, Pointer[]>();
  private readonly updates = new Map<string, () => Pointer>();
  /** State whose update is in the graph already. */
  private readonly made = new Set<string>();
  /** Everything but the updates is in the graph. */
  private finishing = false;
  private readonly graph: Graph;
  private readonly variable: (name: string) => Variable;

  constructor(
    graph: Graph,
    variable: (name: string) => Variable,
    feeds: ReadonlyMap<string, { readonly output: Output }>,
  ) {
    this.graph = graph;
    this.variable = variable;
    this.inputs = Object.fromEntries(
      [...feeds].map(([key, { output }]) => {
        watchSource(output, `input '${key}'`);
        return [key, wrap(output)] as const;
      }),
    );
  }

  read(name: string): Tensor {
    const known = this.reads.get(name);
    if (known !== undefined) return known;
    if (this.made.has(name))
      throw new Error(`engine: state '${name}' is read for the first time after it was updated`);
    const { spec, handle } = this.variable(name);
    const node = this.graph.add('ReadVariableOp', [handle], { dtype: { dtype: spec.dtype } });
    const output = { oper: node.oper, index: 0 };
    watchSource(output, `state '${name}'`);
    const value = wrap(output);
    this.reads.set(name, value);
    this.reading(name, node.oper);
    return value;
  }

  readRows(name: string, indices: Tensor): Tensor {
    if (this.made.has(name))
      throw new Error(`engine: rows of state '${name}' are read after it was updated`);
    const { spec, handle } = this.variable(name);
    const attrs = { dtype: { dtype: spec.dtype } };
    const node = this.graph.add('ResourceGather', [handle, unwrap(indices)], attrs);
    this.reading(name, node.oper);
    return wrap({ oper: node.oper, index: 0 });
  }

  private reading(name: string, node: Pointer): void {
    this.readers.set(name, [...(this.readers.get(name) ?? []), node]);
  }

  readAfter(name: string): Tensor {
    const make = this.updates.get(name);
    if (make === undefined) return this.read(name);
    const { spec, handle } = this.variable(name);
    const attrs = { dtype: { dtype: spec.dtype } };
    const node = this.graph.add('ReadVariableOp', [handle], attrs, [make()]);
    return wrap({ oper: node.oper, index: 0 });
  }

  assign(name: string, value: Tensor): void {
    const { spec, handle } = this.variable(name);
    if (String(value.shape) !== String(spec.shape))
      throw new Error(`engine: assign '${name}': [${value.shape}] does not fit [${spec.shape}]`);
    const dtype = dtypeInGraph(value);
    if (dtype !== spec.dtype)
      throw new Error(`engine: assign '${name}': ${dtype} does not fit ${spec.dtype}`);
    const source = unwrap(value);
    this.update([name], (control) =>
      this.graph.add('AssignVariableOp', [handle, source], {}, control),
    );
  }

  apply(type: string, variables: readonly string[], inputs: readonly Tensor[]): void {
    const handles = variables.map((name) => this.variable(name).handle);
    const values = inputs.map(unwrap);
    this.update(variables, (control) => {
      const add = (after: readonly Pointer[]) =>
        this.graph.add(type, [...handles, ...values], {}, [...control, ...after]);
      return ROW_UPDATES.has(type) ? this.sharing(variables, add) : add([]);
    });
  }

  /**
   * Once rows of a variable were changed, TensorFlow makes every read of it a copy. Large state is
   * taken out of that mode, so that reads share its memory, and its rows change only after whoever
   * read it in this run is done. (Should a reader be left, TensorFlow makes a copy at that moment.)
   */
  private sharing(
    variables: readonly string[],
    add: (after: readonly Pointer[]) => { readonly oper: Pointer },
  ): { readonly oper: Pointer } {
    const large = variables.filter((name) => isLarge(this.variable(name).spec));
    if (large.length === 0) return add([]);
    // Before the end, users of what was read may still wait for this very update.
    const users = this.finishing ? large.flatMap((name) => this.usersOf(name)) : [];
    const { oper } = add(users);
    const shared = large.map((name) => {
      const { handle } = this.variable(name);
      return this.graph.add('DisableCopyOnRead', [handle], {}, [oper]).oper;
    });
    return this.graph.add('NoOp', [], {}, shared);
  }

  private usersOf(name: string): Pointer[] {
    const read = this.reads.get(name);
    return read === undefined ? [] : this.graph.consumers(unwrap(read));
  }

  /** Writes come after every read of the same variable: `read` means the value before the run. */
  finish(): Pointer[] {
    this.finishing = true;
    if (this.updates.size === 0) return [];
    const unique = [...new Set(this.updates.values())];
    const operations = unique.map((make) => make());
    return [activeGraph().add('NoOp', [], {}, operations).oper];
  }

  private update(
    names: readonly string[],
    add: (control: readonly Pointer[]) => { readonly oper: Pointer },
  ): void {
    let made: Pointer | undefined;
    const make = () => {
      if (made !== undefined) return made;
      const control = names.flatMap((name) => this.readers.get(name) ?? []);
      for (const name of names) this.made.add(name);
      made = add(control).oper;
      return made;
    };
    for (const name of names) {
      if (this.updates.has(name)) throw new Error(`engine: state '${name}' is updated twice`);
      this.updates.set(name, make);
    }
  }
}
