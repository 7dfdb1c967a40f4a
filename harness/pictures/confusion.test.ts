import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classBarsSvg } from './class_bars.ts';
import { accuracyBars } from './class_values.ts';
import { classAccuracies, confusionOf, confusionSvg, mistakes } from './confusion.ts';

const labelled = fc.integer({ min: 1, max: 6 }).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    rows: fc.array(
      fc.record({
        label: fc.integer({ min: 0, max: classes - 1 }),
        scores: fc.array(fc.integer({ min: -2, max: 2 }), {
          minLength: classes,
          maxLength: classes,
        }),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  }),
);

describe('a confusion matrix', () => {
  it('counts as plain loops do, equal scores going to the first class', () => {
    fc.assert(
      fc.property(labelled, ({ classes, rows }) => {
        const labels = Int32Array.from(rows, ({ label }) => label);
        const scores = Float32Array.from(rows.flatMap(({ scores: own }) => own));
        const found = confusionOf(labels, scores);
        for (let is = 0; is < classes; is++) {
          const own = rows.filter(({ label }) => label === is);
          const taken = own.map(({ scores: s }) => s.indexOf(Math.max(...s)));
          for (let c = 0; c < classes; c++)
            expect(found.counts[is * classes + c]).toBe(taken.filter((t) => t === c).length);
          const right = taken.filter((t) => t === is).length;
          expect(classAccuracies(found)[is]).toBe((100 * right) / own.length);
        }
      }),
    );
  });

  it('names the commonest mistakes, of equals those of lower classes first', () => {
    const counts = Int32Array.of(8, 1, 1, 3, 5, 0, 1, 0, 1);
    expect(mistakes({ classes: 3, counts }, 3)).toEqual([
      { is: 1, takenFor: 0, count: 3, share: 37.5 },
      { is: 2, takenFor: 0, count: 1, share: 50 },
      { is: 0, takenFor: 1, count: 1, share: 10 },
    ]);
    expect(mistakes({ classes: 3, counts }, 9)).toHaveLength(4);
  });

  it('refuses scores that do not fit the images', () => {
    expect(() => confusionOf(Int32Array.of(0, 1), new Float32Array(5))).toThrow('5 scores of 2');
  });
});

/** Three in four images right, the others taken for the next class. */
function drawn(classes: number) {
  const labels = Int32Array.from({ length: 4 * classes }, (_, i) => i % classes);
  const scores = new Float32Array(labels.length * classes);
  for (const [i, label] of labels.entries())
    scores[i * classes + ((label + (i < classes ? 1 : 0)) % classes)] = 1;
  return {
    confusion: confusionOf(labels, scores),
    set: { classes: Array.from({ length: classes }, (_, c) => `kind ${c}, or other words`) },
  };
}

describe('pictures of classes', () => {
  it('have a number in each cell for few classes', async () => {
    const { confusion, set } = drawn(3);
    const svg = await confusionSvg(confusion, set, 'Mine & yours');
    expect(svg).toContain('>Mine &amp; yours, % of each class</text>');
    expect(svg.match(/>75<\/text>/g)).toHaveLength(3);
    expect(svg.match(/>25<\/text>/g)).toHaveLength(3);
    expect(svg.match(/>kind 2<\/text>/g)).toHaveLength(2);
  });

  it('have names without numbers for more, and for many an image and the mistakes', async () => {
    const some = await confusionSvg(drawn(45).confusion, drawn(45).set, 'x');
    expect(some).not.toContain('>75</text>');
    expect(some.match(/>kind 44<\/text>/g)).toHaveLength(2);
    const many = await confusionSvg(drawn(205).confusion, drawn(205).set, 'x');
    expect(many).toContain('data:image/png;base64,');
    expect(many).toContain('>kind 0 → kind 1: 1 (25 %)</text>');
    expect(many.length).toBeLessThan(60_000);
  });

  it('show accuracies as bars, of many classes the best and worst', async () => {
    const few = drawn(3);
    const svg = await classBarsSvg(accuracyBars(few.confusion), few.set, 'x');
    expect(svg).toContain('mean of 3 classes 75.00 %; in brackets, images<');
    expect(svg.match(/>75\.0<\/text>/g)).toHaveLength(3);
    expect(svg).toContain('>kind 0 (4)</text>');
    const many = drawn(100);
    const short = await classBarsSvg(accuracyBars(many.confusion), many.set, 'x');
    for (const text of ['all 100 classes, best first', 'best 20', 'worst 20'])
      expect(short).toContain(`>${text}</text>`);
    expect(short.match(/>75\.0<\/text>/g)).toHaveLength(40);
  });

  it('leave out a class without images, and say so', async () => {
    const values = Float64Array.of(50, Number.NaN);
    const bars = { name: 'accuracy', values, counts: [2, 0] };
    const svg = await classBarsSvg(bars, { classes: ['a', 'b'] }, 'x');
    expect(svg).toContain('mean of 1 classes 50.00 %');
    expect(svg).toContain('1 classes without images are left out');
    expect(svg).not.toMatch(/NaN|>b \(/);
  });

  it.each([2, 20, 61, 205])('are the same bytes each time for %i classes', async (classes) => {
    const made = async () => {
      const { confusion, set } = drawn(classes);
      const bars = await classBarsSvg(accuracyBars(confusion), set, 'x');
      return (await confusionSvg(confusion, set, 'x')) + bars;
    };
    const first = await made();
    expect(await made()).toBe(first);
    expect(first).not.toMatch(/NaN|undefined/);
  });
});
