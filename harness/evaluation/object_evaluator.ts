import { join } from 'node:path';
import { UserError, writeAtomic } from '../base/index.ts';
import { isObjectSource, type ObjectSource } from '../data/objects/objects.ts';
import { openSource } from '../data/open_source.ts';
import { sourceWarnings } from '../data/source_warnings.ts';
import type { DetectSpec, Metrics } from '../experiment/index.ts';
import { hashingProgress } from '../log/hashing.ts';
import type { CocoScores, CocoStat } from '../metrics/coco_detection.ts';
import { resnet } from '../nn/resnet.ts';
import type { Tensors } from '../step/learner.ts';
import type { Evaluator, JudgeSetup } from './judge.ts';
import { ObjectModel } from './object_model.ts';
import {
  cocoBoxScores,
  cocoMaskScores,
  cocoResults,
  type Found,
  vocScores,
} from './object_scores.ts';
import { Passes } from './passes.ts';

/** What was found when the run was judged last, as COCO has its results. */
export const FOUND = 'detections.json';

/**
 * Judges the run's own detector: `AP`, `AP50`, `AP75` and, by COCO's rules, `APs`, `APm`, `APl`, of masks as well
 * behind `mask_`; percent. What it found is kept in the folder.
 * @throws UserError where the method finds no objects, or the pictures have none or others than it learns
 */
export async function openObjectEvaluator(setup: JudgeSetup): Promise<Evaluator> {
  const { experiment, method, signal, group, threads = 0, folder } = setup;
  const { evaluation } = experiment;
  const { mean, std, size: trained } = experiment.data;
  if (evaluation?.detect === undefined) throw new Error('evaluation: no detector is judged');
  if (method.objects === undefined)
    throw new UserError(`evaluation.detect: ${method.kind} finds no objects; leave it out`);
  if (evaluation.precision !== 'fp32')
    throw new UserError(
      `evaluation.precision: found ${evaluation.precision}, expected fp32: objects are looked for in float32`,
    );
  const source = await openTest(setup);
  const { batch, size = trained, detect } = evaluation;
  const backbone = resnet(experiment.backbone);
  const model = await ObjectModel.open({
    model: method.model(backbone),
    finder: method.objects.finder(backbone, { batch, size, mean, std }),
    ...{ source, batch, threads, group },
    sides: { short: detect.shortEdge, longest: size },
  });
  const passes = new Passes(group);
  const find = passes.add({
    model,
    make: (ended) => model.find(ended),
    assist: () => model.assist(),
  });
  const judged = async (weights: Tensors): Promise<Metrics> => {
    await model.load(weights);
    const each = await find(signal);
    const found = each.flatMap((objects, image) => objects.map((one) => ({ image, ...one })));
    if (folder !== undefined) await writeAtomic(join(folder, FOUND), piecesOf(source, found));
    return scoresOf(detect, source, found);
  };
  return {
    manifests: { 'evaluation.test': source.manifest.sha256 },
    warnings: sourceWarnings('evaluation.test', source),
    sources: { 'evaluation.test': source },
    atEpoch: (epoch, weights) =>
      passes.lead(async () => (isDue(detect, epoch, experiment.epochs) ? judged(weights) : {})),
    atEnd: () => passes.lead(async () => ({})),
    assist: (weights) => passes.assist(weights),
    dispose: async () => model.dispose(),
  };
}

/** The pictures that it is judged by. @throws UserError where they have no objects, or others than it learns */
async function openTest({ experiment, data, signal, trained }: JudgeSetup): Promise<ObjectSource> {
  const spec = experiment.evaluation?.test;
  if (spec === undefined) throw new Error('evaluation: none asked for');
  const onProgress = hashingProgress('evaluation.test');
  const opened = await openSource(spec, { data, signal, onProgress });
  if (!isObjectSource(opened))
    throw new UserError(
      `evaluation.test: ${spec.kind} says nothing of objects; use vocObjects, cocoObjects or drawnObjects`,
    );
  if (String(opened.classes) !== String(trained.classes))
    throw new UserError(
      `evaluation.test: its classes are ${opened.classes}, and those of data.train are ${trained.classes}; use data of one set`,
    );
  return opened;
}

function isDue({ everyEpochs, untrained }: DetectSpec, epoch: number, last: number): boolean {
  if (epoch === 0) return untrained;
  return epoch === last || (everyEpochs !== undefined && epoch % everyEpochs === 0);
}

const PERCENT = 100;

function scoresOf({ metric }: DetectSpec, source: ObjectSource, found: readonly Found[]): Metrics {
  if (metric !== 'coco') {
    const rule = metric === 'voc07' ? '11_point' : 'area';
    const { AP, AP50, AP75 } = vocScores(source, found, rule);
    return { AP, AP50, AP75 };
  }
  const boxes = statsOf(cocoBoxScores(source, found), '');
  if (found.every(({ mask }) => mask === undefined)) return boxes;
  return { ...boxes, ...statsOf(cocoMaskScores(source, found), 'mask_') };
}

/** Of COCO's twelve numbers, those that tables show, under detectron2's names. */
const SHOWN = {
  AP: 'AP',
  AP50: 'AP50',
  AP75: 'AP75',
  APsmall: 'APs',
  APmedium: 'APm',
  APlarge: 'APl',
} as const satisfies Partial<Record<CocoStat, string>>;

/** In percent; what has no truth to be measured by is left out. */
function statsOf({ stats }: CocoScores, before: string): Metrics {
  return Object.fromEntries(
    Object.entries(SHOWN).flatMap(([name, shown]) => {
      const value = stats[name as keyof typeof SHOWN];
      return value < 0 ? [] : [[before + shown, PERCENT * value]];
    }),
  );
}

function* piecesOf(source: ObjectSource, found: readonly Found[]): Generator<Uint8Array> {
  for (const piece of cocoResults(source, found)) yield Buffer.from(piece);
}
