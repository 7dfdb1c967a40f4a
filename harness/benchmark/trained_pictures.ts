import { join } from 'node:path';
import { always, UserError } from '../base/index.ts';
import { defaultPipeline } from '../data/default_pipeline.ts';
import { classNames } from '../data/label_counts.ts';
import { ClassifierModel } from '../evaluation/classifier.ts';
import { frozenClassifier, settingsOf } from '../evaluation/frozen_model.ts';
import { type ImageSet, openImageSet } from '../evaluation/image_set.ts';
import { Passes } from '../evaluation/passes.ts';
import { topShare } from '../evaluation/rows.ts';
import type { Experiment, Metrics } from '../experiment/index.ts';
import { resnet } from '../nn/resnet.ts';
import { writePictures } from '../pictures/write_pictures.ts';
import { latestCheckpoint } from '../weights/checkpoint.ts';
import type { BoundTrained } from './definition.ts';
import type { BenchmarkOptions } from './options.ts';
import { listPictures, PICTURES } from './pictures.ts';

/** A run of the protocol that is finished. */
interface TrainedCell {
  readonly cell: string;
  readonly experiment: Experiment;
  readonly last: Metrics;
}

/**
 * Draws what finished runs have to show: as the protocol does, else how the classifier that ended best judges.
 * @returns the pages that were written besides, by their path in the work directory
 */
export async function drawTrained(
  options: BenchmarkOptions,
  bound: BoundTrained,
  cells: readonly TrainedCell[],
): Promise<readonly string[]> {
  const { workDir, data, signal, experiment } = options;
  if (bound.draw === undefined) {
    await drawClassifier(options, bound, cells);
    return [];
  }
  const runs = cells.map(({ cell, experiment: own }) => {
    return { cell, experiment: own, folder: join(workDir, cell) };
  });
  return bound.draw({ runs, workDir, title: experiment.name, data, signal });
}

/**
 * Draws how the test images are judged by the run that ended best, by its head that is best: of a grid
 * the best point. Its last checkpoint says so; where that is gone there is no picture.
 */
async function drawClassifier(
  options: BenchmarkOptions,
  bound: BoundTrained,
  cells: readonly TrainedCell[],
): Promise<void> {
  const best = bestOf(cells);
  if (best?.experiment.evaluation?.classify === undefined) return;
  const { workDir, threads, signal } = options;
  const { cell, experiment } = best;
  const folder = join(workDir, PICTURES);
  const set = await testImages(options, experiment);
  const judged = await scoresOf(options, bound, best, set);
  if (judged === undefined) return;
  const heads = judged.heads > 1 ? `, head ${judged.head}` : '';
  await writePictures({
    folder,
    stem: `${cell}_`,
    title: `${options.experiment.name}, ${cell}${heads}`,
    seed: experiment.seed,
    test: { ...set, marks: undefined, classes: classNames(set.path, set.source) },
    scores: judged.scores,
    threads,
    signal,
  });
  await listPictures(folder, [cell], []);
}

/** Of equal ones the first. */
function bestOf(cells: readonly TrainedCell[]): TrainedCell | undefined {
  const top = ({ last }: TrainedCell) =>
    Math.max(
      ...Object.entries(last).flatMap(([name, value]) =>
        /^head\d+_top1$/.test(name) ? [value] : [],
      ),
    );
  const [first, ...others] = cells;
  return first && others.reduce((a, b) => (top(b) > top(a) ? b : a), first);
}

function testImages(
  { data, workers, signal }: BenchmarkOptions,
  experiment: Experiment,
): Promise<ImageSet> {
  const { evaluation } = experiment;
  if (evaluation === undefined) throw new UserError('benchmark: the run judges no images');
  const { size } = settingsOf(experiment);
  const { test: spec, batch, pipeline = defaultPipeline(size) } = evaluation;
  const threads = workers === undefined ? {} : { workers };
  return openImageSet({ spec, data, pipeline, size, batch, signal, ...threads }, 'evaluation.test');
}

interface Judged {
  /** float32 [N, C] of the best head. */
  readonly scores: Float32Array;
  readonly head: number;
  readonly heads: number;
}

async function scoresOf(
  { workDir, threads, signal }: BenchmarkOptions,
  bound: BoundTrained,
  { cell, experiment }: TrainedCell,
  set: ImageSet,
): Promise<Judged | undefined> {
  const checkpoint = await latestCheckpoint(join(workDir, cell), () => {});
  const model = bound.method.bind(experiment.method).model(resnet(experiment.backbone));
  const networks = frozenClassifier(model, experiment.backbone.channels);
  if (checkpoint === undefined || networks === undefined) return undefined;
  const classifier = await ClassifierModel.open(networks, settingsOf(experiment), {
    test: set,
    passes: new Passes(),
    threads,
  });
  return always(
    async () => {
      await classifier.load(checkpoint.tensors);
      const logits = await classifier.logits(signal);
      return bestHead(logits, set, model.classifier?.heads ?? 1);
    },
    () => classifier.dispose(),
  );
}

/** The columns of the head with the largest top-1, of equal ones of the first. */
function bestHead(logits: Float32Array, { labels, count }: ImageSet, heads: number): Judged {
  const width = logits.length / count;
  const classes = width / heads;
  const each = Array.from({ length: heads }, (_, head) => {
    const scores = new Float32Array(count * classes);
    for (let row = 0; row < count; row++) {
      const from = row * width + head * classes;
      scores.set(logits.subarray(from, from + classes), row * classes);
    }
    return { scores, head, heads, top: topShare(scores, classes, labels, 1) };
  });
  const [first, ...others] = each;
  if (first === undefined) throw new Error('benchmark: a classifier without a head');
  return others.reduce((a, b) => (b.top > a.top ? b : a), first);
}
