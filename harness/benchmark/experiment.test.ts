import { describe, expect, it } from 'vitest';
import { override } from '../experiment/override.ts';
import { drawnToy, toyBenchmark, toyExperiment } from '../testing/toy_benchmark.ts';
import { defineBenchmark } from './definition.ts';
import { drawnBenchmark } from './drawn.ts';
import { benchmarkId, isBenchmark, parseBenchmark } from './experiment.ts';
import { benchmarkNamed, benchmarksByKind } from './registry.ts';

const benchmarks = toyBenchmark();
const value = {
  name: 'toy-drawn',
  benchmark: { kind: 'toy', ...drawnToy },
  weights: { kind: 'random' },
  backbone: { depth: 18 },
};

describe('the value of a benchmark', () => {
  it('has every default in it, and one id whatever the order of its fields', () => {
    const experiment = parseBenchmark(value, benchmarks);
    expect(experiment).toMatchObject({
      seed: 0,
      sobel: false,
      extraction: { batch: 32, precision: 'fp32' },
      backbone: { width: 1, stem: 'imagenet' },
      benchmark: { kind: 'toy', size: 16, layers: ['feat4', 'feat5'], least: 1 },
    });
    const turned = Object.fromEntries(Object.entries(value).reverse());
    expect(benchmarkId(parseBenchmark(turned, benchmarks))).toBe(benchmarkId(experiment));
    // What is written down parses to itself.
    expect(parseBenchmark(JSON.parse(JSON.stringify(experiment)), benchmarks)).toEqual(experiment);
    expect(Object.isFrozen(experiment.benchmark)).toBe(true);
    expect([isBenchmark(experiment), isBenchmark({ name: 'moco' })]).toEqual([true, false]);
  });

  it('is another experiment with another number', () => {
    const ids = [
      'seed=1',
      'benchmark.least=2',
      'extraction.batch=8',
      'lanes=4',
      'numerics=portable',
    ].map((setting) => benchmarkId(parseBenchmark(override(value, [setting]), benchmarks)));
    const own = benchmarkId(parseBenchmark(value, benchmarks));
    expect(new Set([own, ...ids]).size).toBe(6);
    const native = parseBenchmark(override(value, ['numerics=native']), benchmarks);
    expect(benchmarkId(native)).toBe(own);
  });

  it.each([
    ['benchmak=1', 'benchmak is not known; did you mean benchmark?'],
    ['benchmark.layer=1', 'benchmark.layer is not known; did you mean layers?'],
    ['benchmark.kind=toys', 'there is no benchmark toys; did you mean toy?'],
    ['backbone.depth=20', 'backbone.depth: expected'],
    ['sobel=true', 'backbone.channels: found 3, expected 2 with sobel true'],
    ['backbone.channels=2', 'backbone.channels: found 2, expected 3 with sobel false'],
    ['weights={"kind":"file","sha256":"abc","prefix":""}', 'weights.sha256'],
    ['name=A b', 'name: expected small letters'],
  ])('is refused with %s', (setting, message) => {
    expect(() => parseBenchmark(override(value, [setting]), benchmarks)).toThrow(message);
  });

  it('is refused with narrow floats and portable numerics', () => {
    const narrow = override(value, ['numerics=portable', 'extraction.precision=bf16']);
    expect(() => parseBenchmark(narrow, benchmarks)).toThrow(
      'extraction.precision: expected fp32: numerics portable',
    );
  });

  it('of the drawn data is what a golden is of', () => {
    expect(drawnBenchmark('toy', benchmarks, ['benchmark.least=3'])).toMatchObject({
      name: 'toy-drawn',
      weights: { kind: 'random' },
      benchmark: { train: { kind: 'generated' }, least: 3 },
    });
    expect(toyExperiment().benchmark).toEqual(drawnBenchmark('toy', benchmarks).benchmark);
  });
});

describe('the list of protocols', () => {
  it('has each kind once, and names the nearest', () => {
    const { toy } = benchmarks;
    expect(() => benchmarksByKind([{ toy }, { again: toy }])).toThrow('a second one is of kind');
    expect(() => benchmarkNamed('knn', benchmarks)).toThrow('known are toy');
    expect(benchmarksByKind([{ other: 1, nothing: null }, { toy }])).toEqual({ toy });
  });

  it('takes names that can be typed', () => {
    const { toy } = benchmarks;
    if (toy === undefined) expect.unreachable();
    expect(() => defineBenchmark({ ...toy, kind: 'K NN' } as never)).toThrow('K NN is no kind');
  });
});
