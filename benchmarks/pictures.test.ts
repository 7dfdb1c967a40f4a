import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBenchmark } from '../harness/benchmark/experiment.ts';
import { picturesIn } from '../harness/benchmark/pictures.ts';
import { runBenchmark } from '../harness/benchmark/run.ts';
import { benchmarks } from './index.ts';
import { drawnData } from './settings.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawn-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const quiet = { write: () => true } as never;

function options(spec: { readonly kind: string }, name: string, pictures = true) {
  const experiment = parseBenchmark(
    {
      name: `${spec.kind}-drawn`,
      benchmark: spec,
      weights: { kind: 'random' },
      backbone: { depth: 18, width: 1 / 8, stem: 'cifar' },
    },
    benchmarks,
  );
  const workDir = join(folder, name);
  return { experiment, benchmarks, data: folder, workDir, workers: 0, terminal: quiet, pictures };
}

const knn = { kind: 'knn', data: drawnData({ train: 60, test: 40 }), k: 5 };

describe('the pictures of a benchmark run', () => {
  it('lie in its work directory, and change nothing of its record', async () => {
    const { record, workDir } = await runBenchmark(options(knn, 'a'));
    const files = ['feat5_confusion.svg', 'feat5_classes.svg', 'map.svg', 'neighbours.png'];
    expect(picturesIn(workDir).map(({ file }) => file)).toEqual(
      files.map((file) => `pictures/${file}`),
    );
    expect(record.environment.images).toBe('train 60, test 40');
    const bare = await runBenchmark(options(knn, 'b', false));
    expect(bare.record.seal).toBe(record.seal);
    expect(picturesIn(bare.workDir)).toEqual([]);
    const again = await runBenchmark({ ...options(knn, 'c'), threads: 1 });
    for (const file of files) {
      const [one, other] = [workDir, again.workDir].map((dir) =>
        readFileSync(join(dir, 'pictures', file)),
      );
      expect(one?.equals(other ?? Buffer.alloc(0)), file).toBe(true);
    }
  });

  it('are of the best head where a protocol trains', async () => {
    const data = { ...(benchmarks.linear?.drawn.data as object), ...trained };
    const spec = { kind: 'linear', data, classes: 10, pool: 'adaptive' };
    const short = { replicas: 1, batch: 20, epochs: 1, milestones: [], judgeBatch: 40 };
    const { record, workDir } = await runBenchmark(options({ ...spec, ...short }, 'd'));
    expect(record.environment.images).toBe('train 60, test 40');
    expect(readdirSync(join(workDir, 'pictures')).sort()).toEqual([
      'linear_classes.svg',
      'linear_confusion.svg',
      'pictures.json',
    ]);
    const best = record.final?.best_head?.value;
    const svg = readFileSync(join(workDir, 'pictures', 'linear_classes.svg'), 'utf8');
    expect(svg).toContain(`linear-drawn, linear, head ${best}`);
    // Classes are of equal size here, so the mean over classes is the top-1 of the record.
    const top1 = record.final?.top1?.value;
    expect(svg).toContain(`mean of 10 classes ${Number(top1).toFixed(2)} %`);
  });
});

const { train, test } = drawnData({ train: 60, test: 40 });
const trained = { train, test };
