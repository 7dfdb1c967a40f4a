import { describe, expect, test } from 'vitest';
import { sameClasses } from './classes.ts';
import { classNames, type Labelled, numberingFault } from './label_counts.ts';

function source(labels: readonly number[], classes?: readonly string[]): Labelled {
  return {
    labels: Int32Array.from(labels),
    ...(classes === undefined ? {} : { classes }),
    describe: (index) => `image ${index}`,
    where: (index) => `t.txt, line ${index + 1}`,
  };
}

function compare(a: Labelled, b: Labelled): readonly string[] {
  return sameClasses({ path: 'data.train', source: a }, { path: 'evaluation.test', source: b });
}

describe('classes of two sources', () => {
  test('that are the same give their names', () => {
    const abc = ['a', 'b', 'c'];
    expect(compare(source([0, 1, 2], abc), source([2, 2], abc))).toEqual(abc);
  });

  test.each([
    ['a number for its name', source([0, 1, 2]), source([0, 1, 2], ['0', '1', '2'])],
    ['numbers on both sides', source([0, 1, 2]), source([2, 1, 0, 0])],
    ['zeros in front', source([0, 1], ['00', '01']), source([0, 1], ['0', '1'])],
    ['letters in two forms', source([0], ['\u00e9']), source([0], ['e\u0301'])],
  ])('are the same with %s', (_, a, b) => {
    expect(compare(a, b)).toHaveLength(a.classes?.length ?? 3);
    expect(compare(b, a)).toHaveLength(a.classes?.length ?? 3);
  });

  test.each([
    [
      ['a', 'b', 'c'],
      ['b', 'c', 'd'],
      /^evaluation\.test and data\.train .*missing in evaluation\.test: "a"; only in evaluation\.test: "d"/,
    ],
    [['a', 'b', 'c'], ['a', 'b'], /\(3 and 2 of them\): missing in evaluation\.test: "c"; both/],
    [['a', 'b'], ['a', 'b', 'c'], /only in evaluation\.test: "c"/],
    [['a', 'b'], ['b', 'a'], /label 0 is "b" in evaluation\.test, "a" in data\.train/],
    [['1', '2'], undefined, /missing in evaluation\.test: "2"; only in evaluation\.test: "0"/],
    [['a', 'b'], undefined, /cannot be compared: evaluation\.test only numbers its classes/],
    [
      undefined,
      ['a', 'b'],
      /cannot be compared: data\.train only numbers.*"classes": \["a", "b"\]/,
    ],
  ])('%j and %j are refused', (a, b, message) => {
    expect(() => compare(source([0, 1], a), source([0, 1], b))).toThrow(message);
  });
});

describe('labels that are no class numbers', () => {
  test.each([
    [[1, 2, 3], 'labels start at 1 (t.txt, line 1), expected class numbers from 0 on'],
    [[0, 1, 5], 'no image has label 2 to 4, of 0 to 5 (label 5 is first at t.txt, line 3)'],
    [[0, 2, 4], 'no image has label 1, 3, of 0 to 4 (label 2 is first at t.txt, line 2)'],
    [[0, 2_000_000_000], 'no image has label 1 to 1999999999, of 0 to 2000000000'],
    [[7], 'no image has label 0 to 6, of 0 to 7'],
  ])('%j', (labels, message) => {
    expect(numberingFault(source(labels))).toContain(message);
    expect(() => classNames('data.train', source(labels))).toThrow(`data.train: ${message}`);
    const names = Array.from({ length: 8 }, (_, i) => `class ${i}`);
    expect(numberingFault(source(labels, names))).toBeUndefined();
    expect(classNames('data.train', source(labels, names))).toBe(names);
  });

  test('good ones are names', () => {
    expect(classNames('data.train', source([2, 0, 1, 1]))).toEqual(['0', '1', '2']);
  });
});

describe('labels of folders that both sources name', () => {
  const at = (path: string, names: readonly (readonly [string, number])[]) => ({
    path,
    source: {
      labels: Int32Array.from(names.map(([, label]) => label)),
      classes: ['0', '1', '2', '3'],
      describe: (index: number) => `/data/${path}/${names[index]?.[0]}/${index}.jpg`,
    },
  });
  const folders = (labels: readonly number[]) =>
    ['n1', 'n2', 'n3'].map((name, i) => [name, labels[i] ?? 0] as const);
  const train = at('train', folders([0, 1, 2]));

  test('are the same, or the sources are refused', () => {
    expect(sameClasses(train, at('val', folders([0, 1, 2])))).toHaveLength(4);
    expect(() => sameClasses(train, at('val', folders([1, 2, 3])))).toThrow(
      /^val: its labels are those of train shifted by one: images in folders "n1" have label 1 there, and 0 in train/,
    );
    expect(() => sameClasses(at('val', folders([1, 2, 3])), train)).toThrow(/train: .* by one/);
    expect(() => sameClasses(train, at('val', folders([0, 2, 1])))).toThrow(
      /^val: its labels are in another order: images in folders "n2" have label 2 there, and 1/,
    );
  });

  test('say nothing where folders are no classes', () => {
    const shards = [0, 1, 2].flatMap((label) => ['a', 'b'].map((name) => [name, label] as const));
    expect(sameClasses(at('x', shards), at('y', [...shards].reverse()))).toHaveLength(4);
    expect(
      sameClasses(
        train,
        at('val', [
          ['images', 1],
          ['images', 2],
        ]),
      ),
    ).toHaveLength(4);
  });
});
