import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestProcesses } from '../testing/processes/processes.ts';
import type { Found } from './vocabulary.child.ts';
import { type Case, FLOATS, handedIn, orderOf, upstream } from './vocabulary.fixture.ts';

const CHILD = fileURLToPath(new URL('vocabulary.child.ts', import.meta.url));

/** Sum in the fixed tree, in JavaScript: neighbours first, one that is left over goes up as it is. */
function tree(values: readonly Float32Array[]): Float32Array {
  const [first] = values;
  if (values.length <= 1 || first === undefined) return first ?? new Float32Array();
  const pairs: Float32Array[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const [left, right] = [values[i], values[i + 1]];
    if (left === undefined) continue;
    pairs.push(right === undefined ? left : left.map((x, k) => Math.fround(x + (right[k] ?? 0))));
  }
  return tree(pairs);
}

function equalBytes(a: Float32Array | undefined, b: Float32Array): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  return a !== undefined && bytes(a).equals(bytes(b));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

/** What each replica gets, and the gradient of what it handed in, in plain JavaScript. */
function plainly(one: Case): Found {
  const { word, replicas, shape } = one;
  const ranks = Array.from({ length: replicas }, (_, r) => r);
  const [x, dy] = [ranks.map((r) => handedIn(one, r)), ranks.map((r) => upstream(one, r))];
  const own = (all: Float32Array, r: number) => {
    const size = all.length / replicas;
    return all.slice(r * size, (r + 1) * size);
  };
  const share = Math.fround(1 / replicas);
  const mean = (sum: Float32Array) => sum.map((value) => Math.fround(value * share));
  const order = orderOf(one);
  const width = (x[0]?.length ?? 0) / (shape[0] ?? 1);
  const reordered = (all: Float32Array, from: (row: number) => number) =>
    all.map((_, i) => all[from(Math.floor(i / width)) * width + (i % width)] ?? Number.NaN);
  const inverse = new Map(Array.from(order, (from, to) => [from, to]));
  const of: Record<Case['word'], (r: number) => readonly [Float32Array, Float32Array]> = {
    sum: () => [tree(x), tree(dy)],
    mean: () => [mean(tree(x)), mean(tree(dy))],
    gather: (r) => [joined(x), own(tree(dy), r)],
    broadcast: (r) => [x[0] ?? joined([]), r === 0 ? tree(dy) : tree(dy).map(() => 0)],
    permute: (r) => [
      own(
        reordered(joined(x), (row) => order[row] ?? -1),
        r,
      ),
      own(
        reordered(joined(dy), (row) => inverse.get(row) ?? -1),
        r,
      ),
    ],
  };
  return Object.fromEntries(
    ranks.flatMap((r) => {
      const [y, dx] = of[word](r);
      const named = [[`y${r}`, y] as const];
      return FLOATS.has(one.dtype) ? [...named, [`dx${r}`, narrow(dx, one)] as const] : named;
    }),
  );
}

/** A gradient has the type of its value: rounded to it once, at its end. */
function narrow(values: Float32Array, { dtype }: Case): Float32Array {
  const digits = { bfloat16: 8, float16: 11 }[dtype as string];
  if (digits === undefined) return values;
  return values.map((value) => {
    const least = dtype === 'float16' ? 2 ** -24 : 0;
    const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - digits + 1), least);
    const [down, rest] = [Math.floor(value / step), value / step - Math.floor(value / step)];
    const up = rest > 0.5 || (rest === 0.5 && down % 2 !== 0);
    return (down + (up ? 1 : 0)) * step;
  });
}

/** Words in all types, over so many replicas on so many processes. */
function casesOn(processes: number): fc.Arbitrary<Case> {
  const most = Math.max(1, Math.floor(12 / processes));
  const words = fc.constantFrom<Case['word'][]>('sum', 'mean', 'gather', 'broadcast', 'permute');
  const added = fc.constantFrom<Case['dtype'][]>('float32', 'float32', 'bfloat16', 'float16');
  const copied = fc.constantFrom<Case['dtype'][]>('float32', 'bfloat16', 'int32', 'uint8', 'bool');
  const small = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
  // Larger ones go by slices, each summed by another process; they need not divide evenly.
  const large = fc.integer({ min: 4000, max: 10_000 }).map((count) => [count]);
  return fc
    .record({
      word: words,
      each: fc.integer({ min: 1, max: most }),
      shape: fc.oneof({ weight: 4, arbitrary: small }, { weight: 1, arbitrary: large }),
      kinds: fc.tuple(added, copied),
      seed: fc.nat(1e6),
    })
    .map(({ each, kinds: [ofSums, ofCopies], ...one }) => {
      const sums = one.word === 'sum' || one.word === 'mean';
      return { ...one, replicas: each * processes, dtype: sums ? ofSums : ofCopies };
    });
}

/** Blocks of replicas that are no branch of the tree, for each word. */
function corners(processes: number): Case[] {
  const words = ['sum', 'mean', 'gather', 'broadcast', 'permute'] as const;
  const counts = [3, 5].map((each) => each * processes).filter((replicas) => replicas <= 24);
  return words.flatMap((word) =>
    [processes, ...counts].map((replicas, seed) => {
      return { word, replicas, shape: [2, 3], dtype: 'float32', seed } as const;
    }),
  );
}

/**
 * Tests of every word on each count of processes, all in processes of their own.
 * @param connect as of `TestPlace`
 */
export function holdWords(counts: readonly number[], connect = true): void {
  const way = connect ? 'straight' : 'by collectives';
  describe.each(counts)(`words between replicas on %i processes, ${way},`, (processes) => {
    let running: TestProcesses<readonly Case[], readonly Found[]>;
    beforeAll(async () => {
      running = await TestProcesses.start(CHILD, processes, connect);
    });
    afterAll(() => running.kill());

    it('say what a plain computation says, bit by bit, forth and back', async () => {
      const drawn = fc.sample(casesOn(processes), { seed: 24, numRuns: 30 });
      const cases = [...corners(processes), ...drawn];
      const found = await running.ask(cases);
      cases.forEach((one, i) => {
        const all: Found = Object.assign({}, ...found.map((of) => of[i]));
        const expected = plainly(one);
        expect(Object.keys(all).sort(), JSON.stringify(one)).toEqual(Object.keys(expected).sort());
        for (const [name, values] of Object.entries(expected))
          if (!equalBytes(all[name], values))
            expect.fail(`${name} of ${JSON.stringify(one)}: other bits`);
      });
    });
  });
}
