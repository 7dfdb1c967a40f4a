import type { DType, HostArray, TypedArray } from '../array.ts';
import type { AttrValue } from '../graph/description.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { madeAt } from '../graph/origin.ts';
import type { Pointer } from '../native/capi.ts';
import { EngineError } from '../native/native.ts';
import { Fitting, type Form } from './forms.ts';
import type { Sizes } from './ranges.ts';

/** A constant whose values, or a full one whose shape, follows from sizes. */
export type Constant =
  | {
      readonly kind: 'values';
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly forms: readonly Form[];
    }
  | {
      readonly kind: 'full';
      readonly dtype: DType;
      readonly shape: readonly Form[];
      readonly value: TypedArray;
    };

/** What in a trace depends on sizes, by the order in which its constants and placeholders are made. */
export interface Plan {
  readonly constants: ReadonlyMap<number, Constant>;
  /** With -1 where a length depends on sizes. */
  readonly placeholders: ReadonlyMap<number, readonly number[]>;
  /** Sizes that runs find out themselves. */
  readonly found: ReadonlySet<string>;
}

/** One trace of an entry, at sizes of its own. */
export interface Explored {
  readonly graph: Graph;
  readonly sizes: Sizes;
}

/**
 * What the traces of an entry differ in.
 * @param found sizes that runs find out themselves, and `following` those that follow from others
 * @throws EngineError where they differ in more than constants, or in a way that no form tells, with op and line.
 */
export function planOf(
  traces: readonly Explored[],
  found: ReadonlySet<string>,
  following: ReadonlySet<string>,
): Plan {
  const lists = traces.map(({ graph }) => graph.nodes);
  const fitting = new Fitting(
    traces.map(({ sizes }) => sizes),
    found,
    following,
  );
  const places = lists.map((nodes) => new Map(nodes.map(({ oper }, i) => [oper, i] as const)));
  const constants = new Map<number, Constant>();
  const placeholders = new Map<number, readonly number[]>();
  const [first = []] = lists;
  const counts = { Const: 0, Placeholder: 0 };
  first.forEach((node, i) => {
    const same = lists.map((nodes) => nodes[i]);
    if (!same.every((one): one is Node => one !== undefined && one.op === node.op))
      throw parted(node, `it is ${same.map((one) => one?.op ?? 'missing').join(', ')}`);
    checkInputs(node, same, places);
    if (node.type === 'Const') {
      const plan = constantOf(node, same.map(tensorOf), fitting);
      if (plan) constants.set(counts.Const, plan);
      counts.Const++;
    } else if (node.type === 'Placeholder') {
      const shapes = same.map(({ attrs }) => shapeIn(attrs.shape));
      if (new Set(shapes.map(String)).size > 1)
        placeholders.set(counts.Placeholder, common(node, shapes));
      counts.Placeholder++;
    } else if (new Set(same.map(({ attrs }) => textOf(attrs))).size > 1)
      throw parted(node, `its attributes are ${same.map(({ attrs }) => textOf(attrs)).join(', ')}`);
  });
  const longer = lists.map((nodes) => nodes[first.length]).find((node) => node !== undefined);
  if (longer) throw parted(longer, 'only some sizes have it');
  return { constants, placeholders, found };
}

function parted({ type, origin, gradient }: Node, how: string): EngineError {
  return new EngineError(
    `${type} depends on sizes that are free: at those of the traces ${how}; it ${madeAt({ origin, gradient })}. ` +
      'Only constants may: let ops be the same at every size of the range, or narrow the range',
    0,
  );
}

function checkInputs(
  node: Node,
  same: readonly Node[],
  places: readonly ReadonlyMap<Pointer, number>[],
): void {
  const texts = same.map(({ inputs }, t) =>
    inputs.map(({ oper, index }) => `${places[t]?.get(oper)}:${index}`).join(),
  );
  if (new Set(texts).size > 1) throw parted(node, `its inputs are ${texts.join(' | ')}`);
}

function constantOf(
  node: Node,
  arrays: readonly HostArray[],
  fitting: Fitting,
): Constant | undefined {
  const [first] = arrays;
  if (first === undefined) return undefined;
  const { dtype, shape, data } = first;
  const tell = (values: readonly number[]) => {
    const form = fitting.form(values);
    if (form) return form;
    throw parted(node, `a constant has ${values.join(', ')}, in no way that is known`);
  };
  if (arrays.every((one) => String(one.shape) === String(shape))) {
    if (arrays.every((one) => String(one.data) === String(data))) return undefined;
    const places = Array.from({ length: data.length }, (_, k) => k);
    const forms = places.map((k) => tell(arrays.map((one) => Number(one.data[k]))));
    return { kind: 'values', dtype, shape, forms };
  }
  const whole = arrays.every((one) => one.data.every((value) => value === data[0]));
  if (!whole || arrays.some((one) => one.shape.length !== shape.length || one.data.length === 0))
    throw parted(node, `a constant has shapes ${arrays.map((one) => `[${one.shape}]`).join(', ')}`);
  const forms = shape.map((_, axis) => tell(arrays.map((one) => one.shape[axis] ?? 0)));
  return { kind: 'full', dtype, shape: forms, value: data.slice(0, 1) };
}

function tensorOf({ attrs: { value } }: Node): HostArray {
  if (typeof value === 'object' && 'tensor' in value) return value.tensor;
  throw new Error('engine: a constant without a tensor');
}

function shapeIn(value: AttrValue | undefined): readonly number[] {
  return typeof value === 'object' && 'shape' in value ? value.shape : [];
}

function common(node: Node, shapes: readonly (readonly number[])[]): number[] {
  const [first = []] = shapes;
  if (shapes.some(({ length }) => length !== first.length))
    throw parted(node, `its shapes are ${shapes.map((shape) => `[${shape}]`).join(', ')}`);
  return first.map((length, axis) => (shapes.every((one) => one[axis] === length) ? length : -1));
}

function textOf(attrs: Node['attrs']): string {
  return JSON.stringify(attrs, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
