import { canonicalJson } from './canonical.ts';

/** One place where two values part; `undefined` stands for a field that is not there. */
export interface Difference {
  readonly path: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Every place where two JSON values part, in order of path. Empty exactly when they are equal. */
export function differences(left: unknown, right: unknown, path = ''): Difference[] {
  if (isTree(left) && isTree(right) && Array.isArray(left) === Array.isArray(right)) {
    const [a, b] = [new Map(Object.entries(left)), new Map(Object.entries(right))];
    return [...new Set([...a.keys(), ...b.keys()])]
      .sort()
      .flatMap((key) => differences(a.get(key), b.get(key), path === '' ? key : `${path}.${key}`));
  }
  return text(left) === text(right) ? [] : [{ path, left, right }];
}

/** A difference as one line. */
export function differenceText({ path, left, right }: Difference): string {
  return `${path}: ${text(left)} and ${text(right)}`;
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : canonicalJson(value);
}
