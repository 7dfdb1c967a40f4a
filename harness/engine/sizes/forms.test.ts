import { describe, expect, it } from 'vitest';
import { atomValue, Fitting, formValue } from './forms.ts';
import { checkedSizes, type Sizes, tracedSizes } from './ranges.ts';

const specs = {
  height: { least: 64, most: 1333 },
  width: { least: 64, most: 1333 },
  rows: { least: 4, most: 1024 },
  both: (sizes: Sizes) => (sizes.rows ?? 0) + 512,
};
const traces = tracedSizes(specs);
const fitting = new Fitting(traces, new Set(['rows', 'both']), new Set(['both']));
const half = (size: number, times: number) => Math.ceil(size / 2 ** times);
const others = [70, 333, 480, 641, 1024].map((height, i) => ({
  height,
  width: 1400 - height,
  rows: 7 + 100 * i,
  both: 519 + 100 * i,
}));

type At = (sizes: { height: number; width: number; rows: number; both: number }) => number;
const numbers: Record<string, At> = {
  'anchors of a map': ({ height, width }) => 15 * half(height, 4) * half(width, 4),
  'pixels of a batch': ({ height, width }) => 2 * half(height, 1) * half(width, 1),
  'a row with its channels': ({ width }) => 1024 * half(width, 3),
  'a padded map': ({ height }) => half(height, 2) + 2,
  'the last cell': ({ width }) => half(width, 4) - 1,
  'a share': ({ height, width }) => 1 / (2 * half(height, 2) * half(width, 2)),
  'rows that are left out': ({ rows }) => 1024 - rows,
  'rows of all': ({ both }) => both * 196,
  'what stays': () => 12,
};

describe('forms', () => {
  it.each(Object.entries(numbers))('tell what follows from sizes: %s', (_, at) => {
    const form = fitting.form(traces.map((sizes) => Math.fround(at(sizes as (typeof others)[0]))));
    for (const sizes of others)
      expect(Math.fround(form ? formValue(form, sizes) : Number.NaN)).toBe(Math.fround(at(sizes)));
  });

  it.each<[string, At]>([
    ['a bound', ({ height, width }) => Math.min(12000, half(height, 4) * half(width, 4) * 15)],
    [
      'a largest divisor',
      ({ height }) => [8, 7, 6, 5, 4, 3, 2, 1].find((n) => height % n === 0) ?? 0,
    ],
    ['a square', ({ height }) => height * height],
    ['a third', ({ height }) => Math.ceil(height / 3)],
  ])('do not tell %s', (_, at) => {
    const values = traces.map((sizes) => at(sizes as (typeof others)[0]));
    expect(fitting.form(values)).toBeUndefined();
  });
});

describe('sizes', () => {
  it('are traced within their range, odd and even after each halving, and not in step', () => {
    for (const name of ['height', 'width'] as const) {
      const own = traces.map((sizes) => sizes[name] ?? 0);
      for (const size of own) expect(size >= 64 && size <= 1333).toBe(true);
      for (let k = 0; k < 5; k++)
        expect(new Set(own.map((size) => half(size, k) % 2)).size).toBe(2);
      expect(new Set(own).size).toBe(own.length);
    }
    const order = (name: string) =>
      traces.map((_, i) => i).sort((a, b) => (traces[a]?.[name] ?? 0) - (traces[b]?.[name] ?? 0));
    expect(order('height')).not.toEqual(order('width'));
  });

  it('of many replicas are told apart, whole and halved', () => {
    // Heights, widths and regions of two images each, as a detector of eight replicas has them.
    const many = Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => {
        const range = i % 4 < 2 ? { least: 32, most: 1333 } : { least: 1, most: 512 };
        return [`${i % 4 < 2 ? 'side' : 'rows'}${i}`, range] as const;
      }),
    );
    const own = tracedSizes(many);
    const rows = Object.keys(many).filter((name) => name.startsWith('rows'));
    const all = new Fitting(own, new Set(rows));
    for (const size of Object.keys(many))
      for (let halvings = 0; halvings <= (size.startsWith('rows') ? 0 : 5); halvings++) {
        const values = own.map((sizes) => 3 * atomValue({ size, halvings }, sizes) + 2);
        const form = all.form(values);
        expect(form?.terms).toEqual([
          { factor: 3, atoms: [{ size, halvings }] },
          { factor: 2, atoms: [] },
        ]);
      }
  });

  it('are an error where a number may follow from one or from another', () => {
    const own = [
      { a: 10, b: 20 },
      { a: 12, b: 24 },
      { a: 40, b: 80 },
    ];
    expect(() => new Fitting(own, new Set(['a', 'b'])).form([11, 13, 41])).not.toThrow();
    expect(() => new Fitting(own, new Set(['a', 'b'])).form([20, 24, 80])).toThrow(
      "a constant that is 20, 24, 80 in the traces may follow from size 'a' or 'b'",
    );
  });

  it('of small ranges are told apart, and equal ones are an error', () => {
    const many = Object.fromEntries(
      Array.from({ length: 32 }, (_, i) => [`rows${i}`, { least: 1, most: 32 }] as const),
    );
    const own = tracedSizes(many);
    const lists = Object.keys(many).map((name) => own.map((sizes) => sizes[name]).join());
    expect(new Set(lists).size).toBe(32);
    const twice = { a: { least: 1, most: 9 }, b: (sizes: Sizes) => sizes.a ?? 0 };
    expect(() => new Fitting(tracedSizes(twice), new Set())).toThrow("sizes 'a' and 'b' are both");
  });

  it('of a run are checked, and what follows from them is added', () => {
    const found = new Set(['rows']);
    expect(checkedSizes('step', specs, { height: 64, width: 1333 }, found)).toMatchObject({
      height: 64,
      width: 1333,
    });
    const wrong = (sizes: Sizes) => () => checkedSizes('step', specs, sizes, found);
    expect(wrong({ height: 64 })).toThrow("step: size 'width' is undefined; expected an integer");
    expect(wrong({ height: 63, width: 64 })).toThrow('from 64 to 1333');
    expect(wrong({ height: 64.5, width: 64 })).toThrow("size 'height' is 64.5");
    expect(wrong({ height: 64, width: 64, rows: 5 })).toThrow(
      "size 'rows' is not one to be told; there are: height, width",
    );
  });
});
