import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { collapsed, collapseWarnings } from '../harness/evaluation/collapse.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { metricsOf } from '../harness/record/entries.ts';
import { train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';
import { tiny } from './tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'collapse-'));
afterAll(() => rmSync(folder, { recursive: true }));

const normed = { kind: 'mlp', hidden: 32, out: 16, norm: 'batch' } as const;
const bare = { ...normed, norm: 'none' } as const;

/** BYOL of seconds; without norms, moving average and with a decay that is far too strong it collapses. */
const byol = {
  ...tiny,
  name: 'byol/tiny',
  epochs: 2,
  schedule: { kind: 'constant' },
  method: { kind: 'byol', neck: normed, predictor: normed, momentum: 0.9 },
  optimizer: { kind: 'sgd', lr: 0.1 },
};
const collapsing = {
  ...byol,
  method: { kind: 'byol', neck: bare, predictor: bare, momentum: 0, endMomentum: 0 },
  optimizer: { kind: 'sgd', lr: 0.3, weightDecay: 0.1 },
  data: { ...tiny.data, train: { kind: 'generated', count: 128, size: 16 } },
};

async function run(name: string, recipe: object) {
  const workDir = join(folder, name);
  const experiment = parseExperiment(recipe, methods);
  const terminal = { write: () => true };
  const { record } = await train({ experiment, methods, data: folder, workDir, terminal });
  const file = readdirSync(workDir).find((entry) => /^train_.*\.log$/.test(entry)) ?? '';
  const warnings = readFileSync(join(workDir, file), 'utf8')
    .split('\n')
    .filter((line) => line.includes('WARNING') && line.includes('collapse:'));
  return { metrics: record.epochs.map((entry) => metricsOf(entry.metrics)), warnings };
}

it('a run that learns says nothing of collapse', async () => {
  const { metrics, warnings } = await run('healthy', byol);
  expect(warnings).toEqual([]);
  const { embedding_std = 0, feature_std = 0, effective_rank = 0 } = metrics.at(-1) ?? {};
  expect(embedding_std).toBeGreaterThan(3 * collapsed.embeddingStd);
  expect(feature_std).toBeGreaterThan(3 * collapsed.featureStd);
  expect(effective_rank).toBeGreaterThan(collapsed.effectiveRank);
});

it('a run that collapses warns, in its log, by metric and threshold', async () => {
  const { metrics, warnings } = await run('collapsing', collapsing);
  const least = (name: string) =>
    Math.min(...metrics.slice(1).map((one) => one[name] ?? Number.POSITIVE_INFINITY));
  expect(least('feature_std')).toBeLessThan(collapsed.featureStd);
  expect(least('effective_rank')).toBeLessThan(collapsed.effectiveRank);
  expect(warnings.length).toBeGreaterThan(1);
  expect(warnings.join('\n')).toMatch(
    /epoch \d: collapse: feature_std \S+ is below 0\.01: the features of all images are nearly/,
  );
});

it('every metric has its own warning', () => {
  expect(
    collapseWarnings({ loss: 0, embedding_std: 1, feature_std: 0.5, effective_rank: 9 }),
  ).toEqual([]);
  expect(collapseWarnings({ embedding_std: 0.05 })).toEqual([
    'collapse: embedding_std 0.0500 is below 0.1: the embeddings of a batch are nearly all the same',
  ]);
  const all = collapseWarnings({ embedding_std: 0, feature_std: 0, effective_rank: 1 });
  expect(all.map((warning) => warning.split(' ')[1])).toEqual([
    ...['embedding_std', 'feature_std', 'effective_rank'],
  ]);
});
