import { type DType, type HostArray, hostArray } from '../array.ts';
import type { Attrs } from '../graph/description.ts';
import {
  type FunctionDefinition,
  Graph,
  type Meta,
  type Node,
  type SizeFree,
} from '../graph/graph.ts';
import type { Output, Pointer } from '../native/capi.ts';
import { type Fed, type FedConstants, filled } from './fed_constants.ts';
import { type Form, formValue, isConstant } from './forms.ts';
import type { Constant, Plan } from './plan.ts';

/**
 * While an entry is traced for all sizes: tells the graph which constants to let runs be fed with, and has beside it
 * the same graph at one size, in which shapes are known.
 */
export class Sizing implements SizeFree {
  private readonly plan: Plan;
  private readonly constants: FedConstants;
  private readonly beside = new Graph({ placed: false });
  private readonly twins = new Map<Pointer, Pointer>();
  private readonly found = new Map<string, Output>();
  private readonly made = new Map<string, Node>();
  private readonly divisors = new Map<Pointer, Omit<Fed, 'output'>>();
  private seen = { Const: 0, Placeholder: 0 };

  constructor(plan: Plan, constants: FedConstants) {
    this.plan = plan;
    this.constants = constants;
  }

  /** What runs are fed with, at the sizes of the graph beside. */
  given(
    inputs: readonly {
      readonly output: Output;
      readonly dtype: DType;
      readonly shape: readonly number[];
    }[],
  ): void {
    for (const { output, dtype, shape } of inputs)
      this.twins.set(output.oper, this.beside.placeholder(dtype, shape).oper);
    this.seen.Placeholder = inputs.length;
  }

  /** From here on this is what a size is that runs find out. @param output int32 scalar */
  find(name: string, output: Output): void {
    this.found.set(name, output);
  }

  /** As `Graph.add`, in both graphs. */
  add(
    graph: Graph,
    type: string,
    inputs: readonly Output[],
    attrs: Attrs,
    control: readonly Pointer[],
  ): Node {
    const node =
      this.own(graph, type) ??
      this.quotient(graph, type, inputs) ??
      graph.plain(type, inputs, this.freed(type, attrs), control);
    this.pair(graph, node, () =>
      this.beside.add(
        type,
        inputs.map((one) => this.twin(graph, one)),
        attrs,
      ),
    );
    return node;
  }

  /** As `Graph.callCompiled`, in the graph beside. */
  called(
    graph: Graph,
    node: Node,
    definition: FunctionDefinition,
    inputs: readonly Output[],
  ): void {
    this.pair(graph, node, () =>
      this.beside.callCompiled(
        definition,
        inputs.map((one) => this.twin(graph, one)),
      ),
    );
  }

  define(name: string, define: () => FunctionDefinition & { readonly handle: Pointer }): void {
    this.beside.define(name, define);
  }

  meta(graph: Graph, output: Output): Meta {
    return this.beside.meta(this.twin(graph, output));
  }

  dispose(): void {
    this.beside.dispose();
  }

  private pair(graph: Graph, node: Node, make: () => Node): void {
    if (!this.twins.has(node.oper))
      this.twins.set(node.oper, graph.likewise(this.beside, make).oper);
  }

  private twin(graph: Graph, { oper, index }: Output): Output {
    const known = this.twins.get(oper);
    if (known !== undefined) return { oper: known, index };
    const maker = graph.maker({ oper, index });
    if (maker === undefined || maker.inputs.length > 0)
      throw new Error(`engine: ${maker?.type ?? 'an op'} is of another entry`);
    const made = this.beside.add(maker.type, [], maker.attrs).oper;
    this.twins.set(oper, made);
    return { oper: made, index };
  }

  private freed(type: string, attrs: Attrs): Attrs {
    if (type !== 'Placeholder') return attrs;
    const shape = this.plan.placeholders.get(this.seen.Placeholder++);
    return shape === undefined ? attrs : { ...attrs, shape: { shape } };
  }

  /** The node in place of a constant that depends on sizes. */
  private own(graph: Graph, type: string): Node | undefined {
    if (type !== 'Const') return undefined;
    const constant = this.plan.constants.get(this.seen.Const++);
    if (constant === undefined) return undefined;
    const key = JSON.stringify(constant);
    const known = this.made.get(key);
    // The graph beside has a constant for each, but they are equal.
    const node = known ?? graph.outside(() => this.valueOf(graph, constant));
    // Beside there is the constant itself, which shapes follow from, in place of what makes it here.
    if (known === undefined) this.twins.delete(node.oper);
    this.made.set(key, node);
    if (constant.kind === 'values') this.divisors.set(node.oper, constant);
    return node;
  }

  /**
   * Where a divisor is a constant of the graph, Grappler multiplies with what is one over it, rounded. So do runs that
   * are fed with the divisor, as they are to give the same bits.
   */
  private quotient(graph: Graph, type: string, [x, y]: readonly Output[]): Node | undefined {
    const divisor = y && type === 'RealDiv' ? this.divisors.get(y.oper) : undefined;
    if (x === undefined || divisor === undefined) return undefined;
    const forms = divisor.forms.map((form) => ({ ...form, reciprocal: !form.reciprocal }));
    const factor = graph.outside(() => this.numbers(graph, { ...divisor, forms }));
    return graph.plain('Mul', [x, first(factor)], {});
  }

  private valueOf(graph: Graph, constant: Constant): Node {
    if (constant.kind === 'values') return this.numbers(graph, constant);
    const { shape, dtype, value } = constant;
    const dims = this.numbers(graph, { dtype: 'int32', shape: [shape.length], forms: shape });
    const full = plainConstant(graph, hostArray(dtype, [], value));
    return this.making(graph, 'Fill', [first(dims), full]);
  }

  /** Fed where only sizes that are told are in it; computed where a run finds some of them out. */
  private numbers(graph: Graph, { dtype, shape, forms }: Omit<Fed, 'output'>): Node {
    const names = new Set(
      forms.flatMap(({ terms }) => terms.flatMap(({ atoms }) => atoms.map(({ size }) => size))),
    );
    const needed = [...names].filter((name) => this.isFound(name));
    if (needed.length === 0) return this.fed(graph, { dtype, shape, forms });
    const flat = forms.map(({ terms }): Form => ({ terms, reciprocal: false }));
    const parts = [undefined, ...needed].map((name) => flat.map((form) => this.share(form, name)));
    const [base = [], ...shares] = parts;
    const sum = needed.reduce(
      (all, name, i) => {
        const share = this.fed(graph, { dtype, shape, forms: shares[i] ?? [] });
        const product = this.making(graph, 'Mul', [first(share), this.sizeAs(graph, name, dtype)]);
        return this.making(graph, 'AddV2', [first(all), first(product)]);
      },
      this.fed(graph, { dtype, shape, forms: base }),
    );
    const inverse = forms.filter(({ reciprocal }) => reciprocal).length;
    if (inverse === 0) return sum;
    if (inverse < forms.length) throw new Error('engine: numbers and reciprocals in one constant');
    // As `ops/one_over.ts` says: a division of one would become an estimate.
    const minus = plainConstant(graph, hostArray(dtype, [], filled(dtype, [-1])));
    return this.making(graph, 'Neg', [first(this.making(graph, 'RealDiv', [minus, first(sum)]))]);
  }

  /** What of a form has no size that is found, or what one such size is multiplied with in it. */
  private share({ terms, reciprocal }: Form, name: string | undefined): Form {
    const own = terms.flatMap(({ factor, atoms }) => {
      const found = atoms.filter(({ size }) => this.isFound(size));
      if (found.length > 1) throw new Error('engine: a product of two sizes that runs find out');
      if (found[0]?.size !== name) return [];
      return [{ factor, atoms: atoms.filter((atom) => !found.includes(atom)) }];
    });
    return { terms: own, reciprocal };
  }

  private fed(graph: Graph, one: Omit<Fed, 'output'>): Node {
    const { dtype, shape, forms } = one;
    if (forms.every(isConstant)) {
      const numbers = forms.map((form) => formValue(form, {}));
      return maker(graph, plainConstant(graph, hostArray(dtype, shape, filled(dtype, numbers))));
    }
    const output = this.constants.place(one, () =>
      first(graph.plain('Placeholder', [], { dtype: { dtype }, shape: { shape } }, [])),
    );
    return maker(graph, output);
  }

  /** An op on the way to a constant, in both graphs, so that it has a shape as others have. */
  private making(graph: Graph, type: string, inputs: readonly Output[], attrs: Attrs = {}): Node {
    const node = graph.plain(type, inputs, attrs, []);
    const twins = inputs.map((one) => this.twin(graph, one));
    this.twins.set(node.oper, this.beside.add(type, twins, attrs).oper);
    return node;
  }

  private isFound(name: string): boolean {
    return this.plan.found.has(name);
  }

  private sizeAs(graph: Graph, name: string, dtype: DType): Output {
    const output = this.found.get(name);
    if (output === undefined)
      throw new Error(`engine: size '${name}' is used before the entry finds it out (findSize)`);
    if (dtype === 'int32') return output;
    return first(this.making(graph, 'Cast', [output], { DstT: { dtype } }));
  }
}

function first({ oper }: Node): Output {
  return { oper, index: 0 };
}

function maker(graph: Graph, output: Output): Node {
  const node = graph.maker(output);
  if (node === undefined) throw new Error('engine: an op of another graph');
  return node;
}

function plainConstant(graph: Graph, tensor: HostArray): Output {
  return first(graph.plain('Const', [], { dtype: { dtype: tensor.dtype }, value: { tensor } }, []));
}
