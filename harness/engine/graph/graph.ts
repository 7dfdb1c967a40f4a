import type { DType, HostArray } from '../array.ts';
import { native, type Output, type Pointer } from '../native/capi.ts';
import { call, callNumber, checked, takeBuffer } from '../native/native.ts';
import { ON_CPU } from './audit_gpu.ts';
import { type Attrs, addInputs, setAttrs } from './description.ts';
import { opDefinition } from './opdefs.ts';
import { at, captureOrigin, NOWHERE } from './origin.ts';

/** A node of the graph and where in the user's code it was made. */
export interface Node {
  readonly name: string;
  readonly type: string;
  /** What TensorFlow knows it as: its type, or the name of the function that it calls. */
  readonly op: string;
  readonly oper: Pointer;
  /** Its stack is formatted only when an error needs it. */
  readonly origin: Error;
  /**
   * Whether it computes a gradient; `origin` is then where the op was made that the gradient is of.
   */
  readonly gradient: boolean;
  /** The replica whose part of a step it is; undefined for what several share. */
  readonly part: number | undefined;
  /** As it was added; `fill` may have given it others since. */
  readonly inputs: readonly Output[];
  readonly attrs: Attrs;
  /** The ops that it runs as one; it itself is a call of theirs. */
  readonly parts?: readonly Node[];
}

/** A function that is compiled to machine code as a whole (`fused.ts`). */
export interface FunctionDefinition {
  /** For profiles and messages. */
  readonly kind: string;
  /** What a call names: one name for each body and choice of types. */
  readonly name: string;
  readonly parts: readonly Node[];
}

export interface Meta {
  readonly shape: readonly number[];
  /** TensorFlow's DataType number. */
  readonly type: number;
}

/** Stands between a trace for all sizes and its graph: `sizes/sizing.ts`. */
export interface SizeFree {
  add(
    graph: Graph,
    type: string,
    inputs: readonly Output[],
    attrs: Attrs,
    control: readonly Pointer[],
  ): Node;
  define(name: string, define: () => FunctionDefinition & { readonly handle: Pointer }): void;
  called(graph: Graph, node: Node, definition: FunctionDefinition, inputs: readonly Output[]): void;
  meta(graph: Graph, output: Output): Meta;
}

/** A TF_Graph under construction. Owns the handle: `dispose` when no session uses it. */
export class Graph {
  readonly handle: Pointer = call('TF_NewGraph');
  /** Whether it is only looked at, to see what of it depends on sizes: its parts are left in no order. */
  readonly explored: boolean;
  /** Whether its nodes know where they were made, which takes a fifth of the time of a trace. */
  private readonly placed: boolean;
  readonly nodes: Node[] = [];
  private readonly byName = new Map<string, Node>();
  private readonly byPointer = new Map<Pointer, Node>();
  private readonly functions = new Map<string, FunctionDefinition>();
  private scopes: string[] = [];
  private inherited: Error | undefined;
  private repeated: Error | undefined;
  /** The part that nodes are added to. */
  private current: number | undefined;
  private sizing: SizeFree | undefined;
  private madeAgain = 0;

  constructor({
    explored = false,
    placed = true,
  }: { readonly explored?: boolean; readonly placed?: boolean } = {}) {
    this.explored = explored;
    this.placed = placed;
  }

  /**
   * Adds one node.
   * @param inputs flat list; list-typed arguments take as many as their number attribute says.
   * @throws EngineError with the op, its inputs' shapes and the caller's line, when TensorFlow refuses it.
   */
  add(
    type: string,
    inputs: readonly Output[],
    attrs: Attrs,
    control: readonly Pointer[] = [],
  ): Node {
    return this.sizing === undefined
      ? this.plain(type, inputs, attrs, control)
      : this.sizing.add(this, type, inputs, attrs, control);
  }

  /** As `add`, just as it is asked for, also in a trace for all sizes. */
  plain(
    type: string,
    inputs: readonly Output[],
    attrs: Attrs,
    control: readonly Pointer[] = [],
  ): Node {
    const definition = opDefinition(type);
    return this.made({ type, op: type, inputs, attrs }, (description) => {
      addInputs(description, definition, inputs, attrs);
      for (const dependency of control) call('TF_AddControlInput', description, dependency);
      if (type in ON_CPU && native().library.device === 'gpu')
        call('TF_SetDevice', description, '/device:CPU:0');
      setAttrs(description, definition, type, attrs);
    });
  }

  /** Nodes that compute again what others computed. */
  get repeats(): number {
    return this.madeAgain;
  }

  /** Adds a node that computes what another one does, from these inputs; known by the line of that one. */
  repeat({ type, op, attrs, parts, part, origin }: Node, inputs: readonly Output[]): Node {
    this.madeAgain++;
    return this.inPart(part, () =>
      this.from(origin, () =>
        parts === undefined
          ? this.add(type, inputs, attrs)
          : this.callCompiled({ kind: type, name: op, parts }, inputs),
      ),
    );
  }

  /**
   * Gives the graph a function, unless it has one of that name.
   * @param define makes a TF_Function; it is deleted here
   */
  define(name: string, define: () => FunctionDefinition & { readonly handle: Pointer }) {
    this.sizing?.define(name, define);
    const known = this.functions.get(name);
    if (known !== undefined) return known;
    const { handle, ...definition } = define();
    checked(name, (status) => call('TF_GraphCopyFunction', this.handle, handle, null, status));
    call('TF_DeleteFunction', handle);
    this.functions.set(name, definition);
    return definition;
  }

  /** Adds a call of a function that XLA compiles when it runs first; Grappler leaves it whole. */
  callCompiled(definition: FunctionDefinition, inputs: readonly Output[]): Node {
    const { kind, name, parts } = definition;
    const node = this.made({ type: kind, op: name, inputs, parts, attrs: {} }, (description) => {
      for (const input of inputs) call('TF_AddInput', description, input);
      for (const attr of ['_XlaMustCompile', '_noinline'])
        call('TF_SetAttrBool', description, attr, 1);
    });
    this.sizing?.called(this, node, definition, inputs);
    return node;
  }

  private made(
    what: Pick<Node, 'type' | 'op' | 'inputs' | 'attrs' | 'parts'>,
    fill: (description: Pointer) => void,
  ): Node {
    const { type, op, inputs } = what;
    const name = [...this.scopes, `${type}_${this.nodes.length}`].join('/');
    const origin = this.inherited ?? this.repeated ?? this.here();
    const description = call('TF_NewOperation', this.handle, op, name);
    fill(description);
    // Reading a stack costs more than adding the node: only when there is an error to report.
    const blame = () =>
      `${type}${this.describe(inputs)} ${at(origin === NOWHERE ? captureOrigin() : origin)}`;
    const oper = checked(blame, (status) => call('TF_FinishOperation', description, status));
    const gradient = this.inherited !== undefined;
    const node: Node = { ...what, name, oper, origin, gradient, part: this.current };
    this.nodes.push(node);
    this.byName.set(name, node);
    this.byPointer.set(oper, node);
    return node;
  }

  /** The place of the call, for the nodes of this graph. */
  here(): Error {
    return this.placed ? captureOrigin() : NOWHERE;
  }

  constant(array: HostArray): Output {
    const attrs = { dtype: { dtype: array.dtype }, value: { tensor: array } };
    return { oper: this.add('Const', [], attrs).oper, index: 0 };
  }

  placeholder(dtype: DType, shape: readonly number[]): Output {
    const attrs = { dtype: { dtype }, shape: { shape } };
    return { oper: this.add('Placeholder', [], attrs).oper, index: 0 };
  }

  /** Gives an input of an operation, the first one by default, another source of its type and shape. */
  fill(operation: Pointer, source: Output, input = 0): void {
    const target = { oper: operation, index: input }; // a TF_Input, laid out as a TF_Output
    checked('fill', (status) => call('TF_UpdateEdge', this.handle, source, target, status));
  }

  /** Shape and type of an output, as TensorFlow's shape inference sees them; -1 where unknown. In a trace for all sizes, those at one. */
  meta(output: Output): Meta {
    if (this.sizing !== undefined) return this.sizing.meta(this, output);
    const rank = checked('shape inference', (status) =>
      callNumber('TF_GraphGetTensorNumDims', this.handle, output, status),
    );
    const dims = new BigInt64Array(Math.max(rank, 0));
    if (rank > 0)
      checked('shape inference', (status) =>
        call('TF_GraphGetTensorShape', this.handle, output, dims, rank, status),
      );
    return { shape: Array.from(dims, Number), type: callNumber('TF_OperationOutputType', output) };
  }

  /** The operations that take an output, each as often as it does. */
  consumers(output: Output): Pointer[] {
    const count = callNumber('TF_OperationOutputNumConsumers', output);
    const inputs = new BigUint64Array(2 * count); // TF_Input: the operation, and which input of it
    callNumber('TF_OperationOutputConsumers', output, inputs, count);
    return Array.from({ length: count }, (_, i) => inputs[2 * i] as Pointer);
  }

  /** What an operation takes now, after all that was filled. */
  sources(operation: Pointer): Output[] {
    const count = callNumber('TF_OperationNumInputs', operation);
    return Array.from({ length: count }, (_, index) => {
      const source: unknown = native().api.TF_OperationInput?.({ oper: operation, index });
      return source as Output; // koffi decodes the struct that is declared in capi.ts
    });
  }

  /** The operations that one waits for without taking anything of them. */
  controls(operation: Pointer): Pointer[] {
    const count = callNumber('TF_OperationNumControlInputs', operation);
    const found = new BigUint64Array(count);
    callNumber('TF_OperationGetControlInputs', operation, found, count);
    return Array.from(found, (pointer) => pointer as Pointer);
  }

  /** Prefixes the names of all nodes made inside `body`, for readable errors and profiles. */
  scope<T>(name: string, body: () => T): T {
    this.scopes.push(name);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  /** Nodes made inside `body`, and later those of their gradients, are a replica's part of a step. */
  inPart<T>(part: number | undefined, body: () => T): T {
    const before = this.current;
    this.current = part;
    try {
      return body();
    } finally {
      this.current = before;
    }
  }

  private from<T>(origin: Error, body: () => T): T {
    this.repeated = origin;
    try {
      return body();
    } finally {
      this.repeated = undefined;
    }
  }

  /** What `body` traces is for all sizes: constants that depend on them are fed or computed. */
  sizedBy<T>(sizing: SizeFree, body: () => T): T {
    this.sizing = sizing;
    try {
      return body();
    } finally {
      this.sizing = undefined;
    }
  }

  /** Nodes made inside `body` are no part's, and of no gradient. */
  outside<T>(body: () => T): T {
    const { inherited } = this;
    this.inherited = undefined;
    try {
      return this.inPart(undefined, body);
    } finally {
      this.inherited = inherited;
    }
  }

  /** Makes in another graph what is being made in this one, known by the same line. */
  likewise<T>(other: Graph, make: () => T): T {
    return this.inherited === undefined ? make() : other.gradientOf(this.inherited, make);
  }

  /** The part that nodes are added to. */
  get part(): number | undefined {
    return this.current;
  }

  /** Nodes made inside `body` are the gradient of an op made at `origin`. */
  gradientOf<T>(origin: Error, body: () => T): T {
    const before = this.inherited;
    this.inherited = origin;
    try {
      return body();
    } finally {
      this.inherited = before;
    }
  }

  /** The node of that name, also for names that Grappler derived from it (`…/node/suffix`). */
  find(name: string): Node | undefined {
    return this.byName.get(name);
  }

  /** The node that makes an output. */
  maker({ oper }: Output): Node | undefined {
    return this.byPointer.get(oper);
  }

  /** The serialized GraphDef: equal bytes mean the same computation. */
  serialize(): Uint8Array {
    const buffer = call('TF_NewBuffer');
    checked('serialize graph', (status) => call('TF_GraphToGraphDef', this.handle, buffer, status));
    return takeBuffer(buffer);
  }

  dispose(): void {
    call('TF_DeleteGraph', this.handle);
  }

  private describe(inputs: readonly Output[]): string {
    return `(${inputs.map((input) => `[${this.meta(input).shape}]`).join(', ')})`;
  }
}
