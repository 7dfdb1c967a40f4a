import { expect, it } from 'vitest';
import { dryBenchmark } from '../../harness/benchmark/dry_run.ts';
import { dryBenchmarkText } from '../../harness/benchmark/dry_run_text.ts';
import { benchmarks, narrowed } from './narrowed.fixture.ts';

it('a dry run of a full recipe tells of replicas one after another', async () => {
  const experiment = narrowed('coco_c4_1x_moco', 'benchmark.replicas=2', 'benchmark.batch=1');
  const layout = { sequential: true };
  const found = await dryBenchmark({ experiment, benchmarks, data: 'nowhere', layout });
  expect(found).toMatchObject({ way: 'trained', steps: 90_000, stepImages: 2 });
  const text = dryBenchmarkText(experiment, found);
  expect(text).toMatch(/layout +1 process of 2 replicas, one after another/);
}, 300_000);
