import type { Sizes } from './ranges.ts';

/** ceil(size / 2^halvings): a size as it is after so many halvings that round up. */
export interface Atom {
  readonly size: string;
  readonly halvings: number;
}

/** An integer times sizes. */
export interface Term {
  readonly factor: number;
  readonly atoms: readonly Atom[];
}

/** How a number follows from sizes: the sum of its terms, or one over that. */
export interface Form {
  readonly terms: readonly Term[];
  readonly reciprocal: boolean;
}

const MOST_HALVINGS = 5;

export function atomValue({ size, halvings }: Atom, sizes: Sizes): number {
  return Math.ceil((sizes[size] ?? Number.NaN) / 2 ** halvings);
}

export function formValue({ terms, reciprocal }: Form, sizes: Sizes): number {
  const sum = terms.reduce(
    (all, { factor, atoms }) =>
      all + atoms.reduce((product, atom) => product * atomValue(atom, sizes), factor),
    0,
  );
  return reciprocal ? 1 / sum : sum;
}

export function isConstant({ terms }: Form): boolean {
  return terms.every(({ atoms }) => atoms.length === 0);
}

/**
 * Finds how a number follows from sizes, given what it was in some traces: c, c a, c a b, c a + d or c a b + d, with
 * sizes a and b, halved or not, and integers c and d; or one over such a number. One or two of the traces make each of
 * these, and all others have to agree.
 */
export class Fitting {
  private readonly atoms: readonly (readonly [Atom, readonly number[]])[];
  private readonly following: ReadonlySet<string>;

  /** @param found sizes that runs find out themselves, and `following` those that follow from others */
  constructor(
    traces: readonly Sizes[],
    found: ReadonlySet<string>,
    following: ReadonlySet<string> = new Set(),
  ) {
    this.following = following;
    const names = Object.keys(traces[0] ?? {});
    checkApart(names, traces);
    this.atoms = names.flatMap((size) =>
      Array.from({ length: found.has(size) ? 1 : MOST_HALVINGS + 1 }, (_, halvings) => {
        const atom = { size, halvings };
        return [atom, traces.map((sizes) => atomValue(atom, sizes))] as const;
      }),
    );
  }

  /** @param values one a trace; nothing comes back where no form fits */
  form(values: readonly number[]): Form | undefined {
    if (values.every(Number.isInteger)) {
      const terms = this.terms(values);
      return terms && { terms, reciprocal: false };
    }
    const inverse = values.map((value) => Math.round(1 / value));
    const exact = inverse.every((n, i) => Math.fround(1 / n) === Math.fround(values[i] ?? 0));
    const terms = exact ? this.terms(inverse) : undefined;
    return terms && { terms, reciprocal: true };
  }

  private terms(values: readonly number[]): Term[] | undefined {
    const [first = 0] = values;
    if (values.every((value) => value === first)) return [{ factor: first, atoms: [] }];
    const singles = this.atoms.map(([atom, own]) => ({ atoms: [atom], own }));
    checkOne(
      this.atoms.filter(([{ size }]) => !this.following.has(size)),
      values,
    );
    const pairs = this.atoms.flatMap(([a, left], i) =>
      this.atoms
        .slice(i + 1)
        .filter(([b]) => b.size !== a.size)
        .map(([b, right]) => ({ atoms: [a, b], own: left.map((x, t) => x * (right[t] ?? 0)) })),
    );
    for (const list of [singles, pairs])
      for (const { atoms, own } of list) {
        const factor = first / (own[0] ?? 0);
        if (Number.isInteger(factor) && own.every((x, t) => x * factor === values[t]))
          return [{ factor, atoms }];
      }
    for (const list of [singles, pairs])
      for (const { atoms, own } of list) {
        const line = lineThrough(own, values);
        if (line) return [{ factor: line.slope, atoms }, ...offset(line.at0)];
      }
    return undefined;
  }
}

function offset(value: number): Term[] {
  return value === 0 ? [] : [{ factor: value, atoms: [] }];
}

/** @throws where two sizes that vary are one in all traces, so that nothing could tell what follows from which. */
function checkApart(names: readonly string[], traces: readonly Sizes[]): void {
  const known = new Map<string, string>();
  for (const name of names) {
    const own = traces.map((sizes) => sizes[name]);
    const other = known.get(String(own));
    if (other !== undefined && new Set(own).size > 1)
      throw new Error(
        `engine: sizes '${other}' and '${name}' are both ${own.join(', ')} in the traces; give one of them another range`,
      );
    known.set(String(own), name);
  }
}

/** @throws where a number may follow from one size or from another: runs would be fed with what is right in the traces alone. */
function checkOne(
  atoms: readonly (readonly [Atom, readonly number[]])[],
  values: readonly number[],
): void {
  const fits = atoms.filter(([, own]) => lineThrough(own, values) !== undefined);
  const [one, other] = new Set(fits.map(([{ size }]) => size));
  if (one !== undefined && other !== undefined)
    throw new Error(
      `engine: a constant that is ${values.join(', ')} in the traces may follow from size '${one}' or '${other}'; give one of them another range`,
    );
}

/** The line with integer slope through all points, where there is one. */
function lineThrough(xs: readonly number[], ys: readonly number[]) {
  const [x0 = 0] = xs;
  const [y0 = 0] = ys;
  const other = xs.findIndex((x) => x !== x0);
  if (other < 0) return undefined;
  const slope = ((ys[other] ?? 0) - y0) / ((xs[other] ?? 0) - x0);
  const at0 = y0 - slope * x0;
  const fits = Number.isInteger(slope) && xs.every((x, t) => slope * x + at0 === ys[t]);
  return fits ? { slope, at0 } : undefined;
}
