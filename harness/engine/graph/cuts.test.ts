import { describe, expect, it } from 'vitest';
import { chosenCuts } from './cuts.ts';
import type { Item } from './flow.ts';
import type { Node } from './graph.ts';

/** Values by what each takes, by number. */
function values(takes: readonly (readonly number[])[]): Item[] {
  const own: Item[] = [];
  for (const from of takes) {
    const inputs = from.flatMap((place, index) => {
      const item = own[place];
      const source = { oper: place as never, index: 0 };
      return item === undefined ? [] : [{ index, source, item }];
    });
    own.push({ node: {} as Node, inputs, part: 0, gradient: false });
  }
  return own;
}

const PARTS = 4;

/** A value after another, each of the same size, used on the way back in the reverse order. */
function chosen(takes: readonly (readonly number[])[]): number[] {
  const own = values(takes);
  const used = new Map(own.map((item, i) => [item, [own.length - i, own.length - i + 1] as const]));
  const weights = own.map(() => 1);
  return chosenCuts(own, weights, used, PARTS).map((item) => own.indexOf(item));
}

const chain = (length: number) => Array.from({ length }, (_, i) => (i === 0 ? [] : [i - 1]));

describe('what is kept of a way there', () => {
  it('leaves little to make again at once, and little to keep', () => {
    const cuts = chosen(chain(64));
    const bounds = [-1, ...cuts, 64];
    const longest = Math.max(...bounds.slice(1).map((end, i) => end - (bounds[i] ?? 0) - 1));
    expect(cuts.length + longest).toBeLessThanOrEqual(16); // 2 sqrt(64), Chen et al. 2016, section 4.1
  });

  it('is the same where the images are taken again at the end, and the images', () => {
    const twice = chain(64).map((from, i) => (i === 63 ? [...from, 0] : from));
    expect(chosen(twice).sort((a, b) => a - b)).toEqual(
      [...new Set([0, ...chosen(chain(64))])].sort((a, b) => a - b),
    );
  });

  it('is nothing that stands beside another value that is still to be taken', () => {
    // Blocks of three values, the last of which takes the first too, as a residual does.
    const blocks = chain(60).map((from, i) => (i % 3 === 2 ? [...from, i - 2] : from));
    for (const cut of chosen(blocks)) expect(cut % 3).not.toBe(1);
  });
});
