import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  bindMethod,
  findRecipes,
  type KnownSources,
  override,
  parseExperiment,
  recipeNamed,
  warningsOf,
} from '../harness/experiment/index.ts';
import { dryWarnings } from '../harness/run/dry_run.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';
import { tiny, tinyExperiment } from './tiny.ts';

const folder = fileURLToPath(new URL('../methods', import.meta.url));
const recipes = await findRecipes([folder]);

test('no recipe is warned of, with the data that it is meant for', () => {
  expect(recipes.size).toBeGreaterThan(35);
  for (const [name, recipe] of recipes) {
    const experiment = parseExperiment(recipe, methods);
    expect([name, ...dryWarnings(experiment, methods, '/nowhere')]).toEqual([name]);
  }
});

/** What is said of a recipe with other settings; `sources` stand for what was found there. */
function warned(name: string, settings: readonly string[], sources?: KnownSources): string[] {
  const experiment = parseExperiment(override(recipeNamed(name, recipes), settings), methods);
  if (sources === undefined) return dryWarnings(experiment, methods, '/nowhere');
  return warningsOf(experiment, bindMethod(experiment, methods), sources);
}

/** 100 images in 10 classes are judged by 20 others. */
const FEW = {
  'evaluation.train': { count: 100, classes: 10, sha256: 'a' },
  'evaluation.test': { count: 120, classes: 10, sha256: 'b' },
};

const ONE_VIEW = '[{"kind":"resize","size":32},{"kind":"centerCrop"},{"kind":"flip","p":0}]';

describe('one sentence says what defeats', () => {
  const cases: readonly (readonly [string, string, readonly string[], RegExp, KnownSources?])[] = [
    [
      'a queue of all images',
      'moco/r50_v1',
      [],
      /^method\.queue: 65536 keys of 13000 images: .*; use at most 1536$/,
      { train: { count: 13000 } },
    ],
    [
      'a queue of all images, each of them repeated',
      'moco/r50_v1',
      [],
      /^method\.queue: 65536 keys of 13000 images: .*; use at most 1536$/,
      { train: { count: 260_000, distinct: 13_000 } },
    ],
    [
      'a key encoder that stands still',
      'moco',
      ['method.momentum=1'],
      /^method\.momentum: 1: .* never moves; 0\.999/,
    ],
    [
      'a key encoder without memory',
      'moco',
      ['method.momentum=0'],
      /^method\.momentum: 0: .* do not fit/,
    ],
    [
      'a temperature of hundreds',
      'moco',
      ['method.temperature=100'],
      /^method\.temperature: 100: .* hardly differ/,
    ],
    [
      'one of thousandths',
      'simclr',
      ['method.temperature=0.001'],
      /^method\.temperature: 0\.001: .* alone/,
    ],
    [
      'a bank that is never written',
      'npid',
      ['method.memoryMomentum=0'],
      /^method\.memoryMomentum: 0: the bank/,
    ],
    [
      'a target that stands still',
      'byol',
      ['method.momentum=1', 'method.endMomentum=1'],
      /^method\.momentum: 1: the target/,
    ],
    [
      'a target that moves ever faster',
      'byol',
      ['method.endMomentum=0.9'],
      /^method\.endMomentum: 0\.9 is less/,
    ],
    [
      'a cluster an image',
      'deepcluster',
      ['method.clusters=3000'],
      /^method\.clusters: 3000 for 4096 images/,
    ],
    [
      'one clustering',
      'deepcluster',
      ['method.everyEpochs=50'],
      /^method\.everyEpochs: 50, but the run has/,
    ],
    [
      'centroids that never move',
      'odc',
      ['method.centroidsEvery=100000'],
      /^method\.centroidsEvery: 100000/,
    ],
    [
      'features that may all be the same',
      'barlow-twins',
      ['method.offDiagonal=0'],
      /^method\.offDiagonal: 0/,
    ],
    [
      'patches that touch',
      'relative_loc/r50',
      ['data.pipelines.0.3.jitter=0'],
      /jitter: 0: patches touch/,
    ],
    [
      'an update of more than an epoch',
      'moco',
      ['accumulate=100'],
      /^batch: an update takes 6400 images .* data\.train has 4096/,
    ],
    [
      'no update at all',
      'moco',
      ['accumulate=1000'],
      /^accumulate: 1000 steps .* no weight ever moves/,
    ],
    [
      'steps that are lost at the end',
      'moco',
      ['accumulate=41', 'epochs=2', 'data.train.count=3900'],
      /^accumulate: the last 38 of 120 steps/,
    ],
    [
      'an epoch that leaves out a third',
      'simclr',
      ['data.train.count=380', 'replicas=1', 'batch=256'],
      /^data\.dropLast: .* 124 of the 380 images/,
    ],
    [
      'more replicas than images',
      'supervised',
      ['data.train.count=40', 'replicas=32', 'batch=1', 'backbone.norm=sync'],
      /^replicas: .* 24 of them twice/,
    ],
    [
      'means of 0 to 255',
      'moco',
      ['data.mean=[123,116,103]'],
      /^data\.mean: \[123,116,103\] is no mean/,
    ],
    ['deviations of 0', 'moco', ['data.std=[0,0,0]'], /^data\.std: /],
    [
      'two views that are one',
      'moco',
      [`data.pipelines=[${ONE_VIEW},${ONE_VIEW}]`],
      /^data\.pipelines\[0\] and data\.pipelines\[1\]: nothing in them is random/,
    ],
    [
      'bounds the wrong way round',
      'moco',
      ['data.pipelines.0.0.scale=[1,0.2]'],
      /^data\.pipelines\[0\]\[0\]\.scale: \[1, 0\.2\] goes down/,
    ],
    ['no rate', 'moco', ['optimizer.lr=0'], /^optimizer\.lr: 0: no weight ever moves/],
    ['no friction', 'moco', ['optimizer.momentum=1'], /^optimizer\.momentum: 1/],
    [
      'a decay of everything',
      'moco',
      ['optimizer.weightDecay=5'],
      /^optimizer\.weightDecay: 5 at a rate of 0\.06 takes 30 %/,
    ],
    [
      'a warm-up to the end',
      'moco',
      ['schedule.warmup.epochs=5'],
      /^schedule\.warmup\.epochs: the warm-up, 5, is not over/,
    ],
    [
      'milestones after the end',
      'moco/r50_v1',
      ['epochs=130'],
      /^schedule\.milestones: 160 is not reached in 130 epochs/,
    ],
    [
      'milestones that do nothing',
      'moco/r50_v1',
      ['schedule.gamma=1'],
      /^schedule\.gamma: 1 does not/,
    ],
    ['a rate that rises', 'moco', ['schedule.minLr=1'], /^schedule\.minLr: 1 is more than/],
    [
      'images of a single place',
      'moco',
      ['backbone.stem=imagenet', 'data.size=16', 'evaluation.size=32'],
      /^data\.size: 16 pixels/,
    ],
    [
      'a backbone that learns nothing',
      'moco',
      ['backbone.frozenStages=4'],
      /^backbone\.frozenStages: 4/,
    ],
    ['statistics of one image', 'supervised', ['batch=1', 'replicas=1'], /^batch: 1: batch norm/],
    [
      'nothing saved before the end',
      'moco',
      ['checkpoint.everyEpochs=9'],
      /^checkpoint\.everyEpochs: 9/,
    ],
    [
      'nothing saved inside an epoch',
      'moco',
      ['checkpoint.everySteps=64'],
      /^checkpoint\.everySteps: 64, but an epoch has 64/,
    ],
    [
      'nearly every image a neighbour',
      'moco',
      ['evaluation.knn.k=90'],
      /^evaluation\.knn\.k: 90 of the 100 images .* use at most 10$/,
      FEW,
    ],
    [
      'a temperature beyond numbers',
      'moco',
      ['evaluation.knn.temperature=0.001'],
      /^evaluation\.knn\.temperature/,
    ],
    [
      'a test set smaller than a batch',
      'moco',
      ['evaluation.test.count=20'],
      /^evaluation\.test: 20 images are fewer than one evaluation\.batch of 100/,
    ],
    [
      'a probe of single steps',
      'moco',
      ['evaluation.linear.batch=2000'],
      /^evaluation\.linear\.batch: 2000 is more than the 1024/,
    ],
    [
      'one class',
      'moco',
      [],
      /^evaluation\.test: all its 512 images are of one class/,
      { 'evaluation.test': { count: 512, classes: 1 } },
    ],
    [
      'a test of known answers',
      'moco',
      ['evaluation.test.split=train', 'evaluation.test.count=1024'],
      /^evaluation\.test: its images are those of evaluation\.train/,
    ],
    [
      'a test by content',
      'supervised',
      [],
      /^evaluation\.test: its images are those of data\.train/,
      { train: { count: 4096, sha256: 'c' }, 'evaluation.test': { count: 4096, sha256: 'c' } },
    ],
  ];
  for (const [what, name, settings, expected, sources] of cases)
    test(what, () => {
      expect(warned(name, settings, sources)).toEqual([expect.stringMatching(expected)]);
    });
});

test('what nobody knows is not warned of', () => {
  const own = ['data.train={"kind":"folder","root":"mine"}'];
  expect(warned('moco/r50_v1', own)).toEqual([]);
});

test('a run says it at every start, in its log and on the terminal', async () => {
  const workDir = mkdtempSync(join(tmpdir(), 'warned-'));
  const experiment = tinyExperiment({
    epochs: 2,
    evaluation: { ...tiny.evaluation, knn: { k: 60 }, linear: undefined },
  });
  const start = async (options: Partial<TrainOptions>) => {
    let shown = '';
    const terminal = { write: (text: string) => (shown += text) };
    await train({ experiment, methods, data: '.', workDir, terminal, workers: 0, ...options });
    return shown.split('warning: evaluation.knn.k: 60 of the 64').length - 1;
  };
  try {
    expect(await start({ stopAfterEpoch: 1 })).toBe(1);
    expect(await start({ resumeFrom: 'auto' })).toBe(1);
    const log = readdirSync(workDir).find((name) => name.startsWith('train_')) ?? '';
    const lines = readFileSync(join(workDir, log), 'utf8').split('\n');
    expect(lines.filter((line) => line.includes(' - WARNING - evaluation.knn.k'))).toHaveLength(2);
  } finally {
    rmSync(workDir, { recursive: true });
  }
});
