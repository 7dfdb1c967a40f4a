import { z } from 'zod';
import {
  defineBenchmark,
  sourceSpec,
  type Target,
  UnsuitedWeights,
  UserError,
} from '../../harness/benchmark/kit.ts';
import type { ExperimentInput } from '../../harness/experiment/index.ts';
import { drawDetections } from './draw.ts';
import { detectionMethod } from './method.ts';
import { methodSpec } from './method_spec.ts';
import { detectorBackbone } from './network.ts';
import { drawn, recipes } from './recipes.ts';
import { optimizerOf, scheduleOf } from './solver.ts';

const positive = z.int().positive();
const channels = z.tuple([z.number(), z.number(), z.number()]).readonly();

const objectData = z
  .strictObject({
    train: sourceSpec,
    test: sourceSpec,
    /** Short sides in training, each as likely, and the longest that a side may be; pixels. */
    shortEdges: z.array(positive).min(1).readonly(),
    longest: positive.default(1333),
    flip: z.number().min(0).max(1).default(0.5),
    /** The same of pictures that are judged. */
    testShort: positive.default(800),
    testLongest: positive.default(1333),
    /** Objects of a picture, at most. */
    most: positive.default(100),
  })
  .readonly();

/** docs/reference/detection.md; what is not said here is that of VOC and COCO alike. */
export const detectionSpec = z
  .strictObject({
    data: objectData,
    /** What is counted: VOC's AP by 11 points (2007) or by the area (later), or COCO's numbers. */
    scoring: z.enum(['voc07', 'voc12', 'coco']),
    classes: positive,
    /** The detector's own numbers, but for those above. */
    detector: methodSpec.unwrap().omit({ classes: true, channels: true }).readonly().prefault({}),
    /** Order of an image's channels as the network takes them. */
    channels: z.enum(['rgb', 'bgr']).default('rgb'),
    strideIn: z.enum(['1x1', '3x3']).default('3x3'),
    /** Of pixels in 0..1, red, green, blue; those of the weights unless given. */
    pixels: z.strictObject({ mean: channels, std: channels }).readonly().optional(),
    norm: z.enum(['batch', 'sync']).default('sync'),
    /** The original's GPUs, and the pictures of each. */
    replicas: positive.default(8),
    batch: positive.default(2),
    iterations: positive,
    /** Iterations between checkpoints and entries of the record: an epoch of the run. */
    period: positive.default(1000),
    /** For 16 pictures a step. */
    lr: z.number().positive().default(0.02),
    momentum: z.number().min(0).max(1).default(0.9),
    weightDecay: z.number().nonnegative().default(1e-4),
    warmup: z
      .strictObject({
        iterations: z.int().nonnegative(),
        factor: z.number().positive().default(0.001),
      })
      .readonly(),
    /** Iterations, counted from 0, from which on the rate is a tenth of what it was. */
    steps: z.array(positive).readonly(),
    /** After the last iteration; the older definition, which the published numbers likelier have (section 13). */
    preciseNorms: z
      .strictObject({
        batches: positive.default(200),
        kind: z.enum(['pooled', 'meanOfBatches']).default('meanOfBatches'),
      })
      .readonly()
      .prefault({}),
    judge: z
      .strictObject({
        /** Pictures at a time. */
        batch: positive.default(1),
        /** Periods; after the last one it is always judged. */
        everyPeriods: positive.optional(),
        untrained: z.boolean().default(false),
      })
      .readonly()
      .prefault({}),
    /** Iterations between lines of the log. */
    logEvery: positive.default(20),
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
  })
  .readonly();
export type DetectionBenchSpec = z.output<typeof detectionSpec>;

/** Detection on VOC or COCO by Faster R-CNN R50-C4 (docs/reference/detection.md), all of whose layers learn. */
export const detection = defineBenchmark<DetectionBenchSpec>({
  kind: 'detection',
  title: 'Detection',
  schema: detectionSpec,
  method: detectionMethod,
  drawn,
  drawnBackbone: { depth: 50, width: 1 / 8 },
  presets: recipes,

  experiments(spec, target) {
    return { detector: experimentOf(spec, target) };
  },

  draw({ scoring }, drawing) {
    return drawDetections(scoring === 'voc07' ? 'voc' : scoring, drawing);
  },

  /** What the last judgement found. */
  summary(_, runs) {
    const last = runs.get('detector')?.at(-1) ?? {};
    return Object.fromEntries(Object.entries(last).filter(([name]) => /^(mask_)?AP/.test(name)));
  },
});

function experimentOf(spec: DetectionBenchSpec, target: Target): ExperimentInput {
  const { data, detector, classes, channels: order, period, iterations, judge } = spec;
  if (target.sobel)
    throw new UnsuitedWeights(
      'weights: they see edges (Sobel); detection takes networks of colours',
    );
  if (iterations % period !== 0)
    throw new UserError(
      `benchmark.iterations: ${iterations} are not whole periods of ${period}; set benchmark.period to a divisor`,
    );
  const backbone = { ...target.backbone, strideIn: spec.strideIn, norm: spec.norm };
  detectorBackbone(backbone); // before any data are opened
  const { mean, std } = spec.pixels ?? target;
  return {
    name: 'detection',
    method: { kind: detectionMethod.kind, classes, channels: order, ...detector },
    backbone,
    data: {
      train: data.train,
      pipelines: [],
      size: data.longest,
      mean: [...mean],
      std: [...std],
      objects: {
        shortEdges: [...data.shortEdges],
        flip: data.flip,
        steps: period,
        most: data.most,
      },
    },
    replicas: spec.replicas,
    batch: spec.batch,
    epochs: iterations / period,
    precision: spec.precision,
    optimizer: optimizerOf(spec),
    schedule: scheduleOf(spec),
    preciseNorms: spec.preciseNorms,
    log: { everySteps: spec.logEvery },
    evaluation: {
      test: data.test,
      size: data.testLongest,
      batch: judge.batch,
      detect: {
        metric: spec.scoring,
        shortEdge: data.testShort,
        everyEpochs: judge.everyPeriods,
        untrained: judge.untrained,
      },
    },
  };
}
