import { describe, expect, it } from 'vitest';
import { dryBenchmark } from '../../harness/benchmark/dry_run.ts';
import { dryBenchmarkText } from '../../harness/benchmark/dry_run_text.ts';
import { methodsOf } from '../../harness/benchmark/registry.ts';
import { firstTrained } from '../../harness/benchmark/trained.ts';
import { knownCount } from '../../harness/data/known_sizes.ts';
import { bindMethod, warningsOf } from '../../harness/experiment/index.ts';
import { dryWarnings } from '../../harness/run/dry_run.ts';
import { detectionSpec } from './benchmark.ts';
import { benchmarks, narrowed } from './narrowed.fixture.ts';
import { recipes } from './recipes.ts';

const names = (Object.keys(recipes) as (keyof typeof recipes)[]).filter(
  (name) => !name.endsWith('overfit'),
);

// An epoch is as many steps as the recipe says, however many pictures there are.
it.each(names)('%s is not warned of', (name) => {
  const experiment = firstTrained(narrowed(name), benchmarks);
  expect(dryWarnings(experiment, methodsOf(benchmarks), 'nowhere')).toEqual([]);
  const method = bindMethod(experiment, methodsOf(benchmarks));
  const few = { train: { count: 20, classes: 3, sha256: 'a' } };
  const said = warningsOf(experiment, method, few).join();
  expect(said).not.toMatch(/milestones|dropLast|equal parts/);
});

describe('a dry run of a full recipe', () => {
  // 24,000 x 16 pictures are 23.2 epochs of VOC (docs/reference/detection.md, section 3).
  it('needs no data, and tells iterations, time and memory', async () => {
    const experiment = narrowed('voc_c4_24k_moco', 'benchmark.replicas=1', 'benchmark.batch=4');
    const found = await dryBenchmark({ experiment, benchmarks, data: 'nowhere' });
    expect(found).toMatchObject({ way: 'trained', steps: 24_000, stepImages: 4 });
    if (found.way !== 'trained') return expect.unreachable();
    const { each } = found;
    expect(each).toMatchObject({ stepsPerEpoch: 1000, measured: true, images: { count: 16_551 } });
    expect(each.peakBytes).toBeGreaterThan(each.stateBytes);
    expect(each.etaSeconds).toBeCloseTo(24_000 * each.stepSeconds, 6);
    const text = dryBenchmarkText(experiment, { ...found, stepImages: 16 });
    expect(text).toContain('24,000 a run, of 16 images: 23.2 times all of them');
    expect(text).toMatch(/memory +\d+\.\d GiB at the peak of a step \(measured here/);
  }, 300_000);

  it('knows the length of every recipe, whose pictures are counted where they are known', () => {
    const counts = names.map((name) => {
      const { iterations, data } = detectionSpec.parse(recipes[name].spec);
      return [iterations, knownCount(data.train, 'nowhere')?.count];
    });
    expect(counts).toEqual([
      [24_000, 16_551],
      [24_000, 16_551],
      [180_000, 118_287],
      [180_000, 118_287],
      [90_000, 118_287],
      [90_000, 118_287],
    ]);
  });
});
