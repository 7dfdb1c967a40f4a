import fc from 'fast-check';
import { pick } from './pieces.ts';

type Tree = unknown;

interface Change {
  readonly kind: (typeof KINDS)[number];
  readonly place: number;
  readonly value: number;
}

const KINDS = ['replace', 'replace', 'remove', 'rename', 'add', 'move', 'wrap', 'unwrap'] as const;
const KEYS = ['__proto__', 'constructor', 'toString', '', 'kind', '0', 'length', 'a\0b', '\ud800'];

/** Values that stand where another was expected. */
const ODD: readonly Tree[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 1e308, -1e-320, 2 ** 31, 2 ** 32, 2 ** 53, 1e21],
  ...['', ' ', '0', '\0', '\ud800', 'constructor', 'é\u0301', '../..', 'x'.repeat(5000)],
  ...[[], {}, [[]], [null], { kind: null }, Array(300).fill(0), { a: { b: { c: [] } } }],
  nested(200),
];

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(...KINDS),
  place: fc.nat(),
  value: fc.nat(),
});

/** JSON values, each changed at up to four places. */
export function mutatedJson(seeds: readonly Tree[]): fc.Arbitrary<Tree> {
  return fc
    .record({ seed: fc.nat(), changes: fc.array(change, { minLength: 1, maxLength: 4 }) })
    .map(({ seed, changes }) => {
      // A container, so that the whole value is a place, too.
      const root: Tree[] = [structuredClone(pick(seeds, seed))];
      for (const one of changes) apply(root, one);
      return root[0];
    });
}

/** A list in a list in a list …; deeper ones than this only as text (`deepText`). */
function nested(depth: number): Tree {
  let tree: Tree = 0;
  for (let i = 0; i < depth; i++) tree = [tree];
  return tree;
}

/** JSON text that is nested so deeply that a function which calls itself runs out of stack. */
export function deepText(depth: number): string {
  return `${'{"a":['.repeat(depth)}0${']}'.repeat(depth)}`;
}

type Container = Record<string, Tree>;

interface Place {
  readonly holder: Container;
  readonly key: string;
}

function apply(root: Tree[], { kind, place, value }: Change): void {
  const places = placesIn(root as unknown as Container);
  if (places.length === 0) return;
  const { holder, key } = pick(places, place);
  const odd = structuredClone(pick(ODD, value));
  const inner = holder[key];
  if (kind === 'remove') {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  } else if (kind === 'rename') set(holder, pick(KEYS, value), inner);
  else if (kind === 'add' && isContainer(inner)) set(inner, pick(KEYS, value), odd);
  else if (kind === 'move') set(holder, key, structuredClone(pick(places, value).holder));
  else if (kind === 'wrap')
    set(holder, key, value % 2 === 0 ? [inner, inner] : { [pick(KEYS, value)]: inner });
  else if (kind === 'unwrap')
    set(holder, key, isContainer(inner) ? Object.values(inner)[0] : [inner]);
  else set(holder, key, odd);
}

function isContainer(value: Tree): value is Container {
  return typeof value === 'object' && value !== null;
}

/** Also a key that is not set but has a meaning, such as `__proto__`, becomes a key like any other. */
function set(holder: Container, key: string, value: Tree): void {
  if (Array.isArray(holder) && !/^\d+$/.test(key)) return;
  Object.defineProperty(holder, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function placesIn(holder: Container): Place[] {
  return Object.keys(holder).flatMap((key) => {
    const inner = holder[key];
    return [{ holder, key }, ...(isContainer(inner) ? placesIn(inner) : [])];
  });
}
