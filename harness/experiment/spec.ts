import { z } from 'zod';
import { nearest, parse, Sha256, sha256Json, UserError } from '../base/index.ts';
import { PictureDraws } from '../data/objects/draw_change.ts';
import { sourceSpec, type ViewOp, viewSpec } from '../data/spec.ts';
import { isWide, NUMERICS, PORTABLE_IS_WIDE, saidNumerics } from '../engine/arithmetic.ts';
import { LANES } from '../engine/lanes.ts';
import { resnetSpec } from '../nn/resnet.ts';
import { DYNAMIC, LossScaleSpec } from '../optim/loss_scale_spec.ts';
import { ScheduleSpec } from '../optim/schedule_spec.ts';
import { OptimizerSpec } from '../optim/spec.ts';
import { type CompatFields, compatOf, compatSpec } from './compat.ts';
import { respelled } from './former.ts';

const positive = z.int().positive();
const count = z.int().nonnegative();

const Channels = z.tuple([z.number(), z.number(), z.number()]).readonly();

/** How pictures with objects become steps: an order without an end, of which an epoch is so many steps. */
const ObjectDataSpec = z
  .strictObject({
    /** How a picture is changed; its longest side is `data.size`. */
    shortEdges: PictureDraws.unwrap().shape.shortEdges,
    flip: PictureDraws.unwrap().shape.flip,
    /** Steps of an epoch. */
    steps: positive,
    /** Objects of a picture, at most. */
    most: positive.default(100),
  })
  .readonly();

const DataSpec = z
  .strictObject({
    train: sourceSpec,
    /** What makes the views of an image: one view a pipeline, or several where it ends in patches. */
    pipelines: z.array(viewSpec).readonly(),
    /** Side of the square images that a step sees, pixels; with `objects` the longest side that a picture may have. */
    size: positive,
    /** Channel means and deviations of pixels scaled to 0..1; ImageNet's by default. */
    mean: Channels.default([0.485, 0.456, 0.406]),
    std: Channels.default([0.229, 0.224, 0.225]),
    dropLast: z.boolean().default(false),
    /** Draws each epoch's samples with replacement. */
    replacement: z.boolean().default(false),
    /** Pictures with their objects in place of views; `pipelines` is empty then. */
    objects: ObjectDataSpec.optional(),
  })
  .refine(({ pipelines, objects }) => (pipelines.length === 0) === (objects !== undefined), {
    message: 'expected at least one, or none with data.objects',
    path: ['pipelines'],
  })
  .readonly();

const CheckpointSpec = z
  .strictObject({
    everyEpochs: positive.default(1),
    /** Steps between checkpoints inside an epoch; 0 for none. */
    everySteps: count.default(0),
    /** Newest epoch checkpoints to keep; 0 keeps all. */
    keepLast: count.default(2),
    /** Epochs whose checkpoints always stay: multiples of this; 0 for none. */
    keepEvery: count.default(0),
  })
  .readonly();

const KnnSpec = z
  .strictObject({
    k: positive.default(200),
    /** Weights are exp(similarity / temperature); Wu et al. 2018, arXiv:1805.01978, section 3.4. */
    temperature: z.number().positive().default(0.07),
    /** Epoch 0, before training, and the last one are always judged too. */
    everyEpochs: positive.default(1),
  })
  .readonly();
export type KnnSpec = z.output<typeof KnnSpec>;

/** A linear layer on frozen features by SGD; the rate falls to 0 along half a cosine over all steps. */
export const LinearSpec = z
  .strictObject({
    epochs: positive.default(100),
    batch: positive.default(256),
    lr: z.number().positive().default(0.1),
    momentum: z.number().min(0).max(1).default(0.9),
    weightDecay: z.number().nonnegative().default(0),
    /** Each feature minus its mean, over sqrt(variance + epsilon), both of the training set. */
    standardise: z.boolean().default(true),
    epsilon: z.number().positive().default(1e-5),
    /** Deviation of the weights at the start; biases start at 0. */
    initStd: z.number().nonnegative().default(0.01),
  })
  .readonly();
export type LinearSpec = z.output<typeof LinearSpec>;

const ClassifySpec = z
  .strictObject({
    /** Epoch 0, before training, and the last one are always judged too. */
    everyEpochs: positive.default(1),
  })
  .readonly();
export type ClassifySpec = z.output<typeof ClassifySpec>;

/** The run's own detector on pictures with objects. */
const DetectSpec = z
  .strictObject({
    /** What is counted: VOC's AP of 2007 (11 points) or of later years (area), or COCO's numbers. */
    metric: z.enum(['voc07', 'voc12', 'coco']),
    /** Short side of a picture as it is judged, pixels; the longest is `evaluation.size`. */
    shortEdge: positive,
    /** The last epoch is always judged too. */
    everyEpochs: positive.optional(),
    /** Judges epoch 0 as well, before training. */
    untrained: z.boolean().default(false),
  })
  .readonly();
export type DetectSpec = z.output<typeof DetectSpec>;

/** Statistics of norms computed anew after the last step, from batches of training (precise batch norm). */
const PreciseNormsSpec = z
  .strictObject({
    batches: positive.default(200),
    /** `PreciseKind`: docs/reference/detection.md, section 13. */
    kind: z.enum(['pooled', 'meanOfBatches']),
  })
  .readonly();
export type PreciseNormsSpec = z.output<typeof PreciseNormsSpec>;

// An evaluation looks at each image once, so a random operation in it would be a mistake that goes
// unnoticed.
const EvaluationPipeline = viewSpec.superRefine((ops: readonly ViewOp[], context) => {
  for (const [i, { kind }] of ops.entries())
    if (kind !== 'resize' && kind !== 'centerCrop')
      context.addIssue({
        code: 'custom',
        path: [i, 'kind'],
        message: 'expected resize or centerCrop: evaluation looks at each image once, as it is',
      });
});

const EvaluationSpec = z
  .strictObject({
    /** Labelled images whose features are the reference of `knn` and `linear`. */
    train: sourceSpec.optional(),
    /** Labelled images that are judged. */
    test: sourceSpec,
    /** Side of the images, pixels; `data.size` unless given. */
    size: positive.optional(),
    /** How an image is brought to that size; by default resized and cut as for its size. */
    pipeline: EvaluationPipeline.optional(),
    /** Images whose features are computed at a time. */
    batch: positive.default(100),
    /** Of the backbone while features are computed. */
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
    knn: KnnSpec.optional(),
    linear: LinearSpec.optional(),
    /** The run's own classifier, where its method has one. */
    classify: ClassifySpec.optional(),
    /** The run's own detector, where its method has one. */
    detect: DetectSpec.optional(),
  })
  .superRefine(({ train, knn, linear }, context) => {
    if (train === undefined && (knn !== undefined || linear !== undefined))
      context.addIssue({
        code: 'custom',
        path: ['train'],
        message: 'expected labelled images: knn and linear take them as their reference',
      });
  })
  .readonly();
export type EvaluationSpec = z.output<typeof EvaluationSpec>;

const Name = z
  .string()
  .regex(/^[a-z0-9][\w.-]*(\/[a-z0-9][\w.-]*)*$/, 'expected small letters, digits, - _ . and /')
  .refine((name) => !name.includes('..'), 'expected no ..');

/** Weights that a run begins with, where they are part of what it is: benchmarks. */
const StartSpec = z
  .strictObject({
    /** Of the file's bytes. */
    sha256: Sha256,
    /** What stands before the backbone's names in it. */
    prefix: z.string(),
  })
  .readonly();

const ExperimentSpec = z
  .strictObject({
    name: Name,
    seed: z.int().default(0),
    method: z.looseObject({ kind: z.string() }).readonly(),
    backbone: resnetSpec,
    start: StartSpec.optional(),
    data: DataSpec,
    /** Logical workers: each has its own batch, statistics and place in a gather. */
    replicas: positive.default(1),
    /** Samples a replica and step. */
    batch: positive,
    /** Steps whose gradients make one update. */
    accumulate: positive.default(1),
    epochs: positive,
    optimizer: OptimizerSpec,
    schedule: ScheduleSpec,
    precision: z.enum(['fp32', 'bf16', 'fp16']).default('fp32'),
    /** With fp16 alone, where it moves unless told otherwise. */
    lossScale: LossScaleSpec.optional(),
    /**
     * Parts that the work inside an op is cut into, which decides how sums round; the most cores that
     * one op can use. The same bits on any number of cores: `docs/determinism.md`.
     */
    lanes: positive.max(64).default(LANES),
    /**
     * With which kernels: `portable` gives the same bits on every x86-64 CPU with AVX2, and takes
     * longer; native, which is what nothing means, those that suit the CPU: `docs/determinism.md`.
     */
    numerics: z.enum(NUMERICS).optional(),
    /** What is done as the original does it although that is not right: `docs/compat.md`. */
    compat: compatSpec.prefault({}),
    preciseNorms: PreciseNormsSpec.optional(),
    checkpoint: CheckpointSpec.prefault({}),
    log: z
      .strictObject({ everySteps: positive.default(50) })
      .readonly()
      .prefault({}),
    evaluation: EvaluationSpec.optional(),
  })
  .refine(({ preciseNorms, data }) => preciseNorms === undefined || data.objects !== undefined, {
    message: 'expected nothing: only data.objects has batches beside those of its epochs',
    path: ['preciseNorms'],
  })
  .refine(({ precision, lossScale }) => precision === 'fp16' || lossScale === undefined, {
    message: 'expected nothing: only gradients of precision fp16 need a scale',
    path: ['lossScale'],
  })
  .refine(({ numerics, precision }) => isWide(numerics, precision), {
    message: PORTABLE_IS_WIDE,
    path: ['precision'],
  })
  .refine(({ numerics, evaluation }) => isWide(numerics, evaluation?.precision), {
    message: PORTABLE_IS_WIDE,
    path: ['evaluation', 'precision'],
  })
  .transform((spec) =>
    spec.precision === 'fp16' ? { ...spec, lossScale: spec.lossScale ?? DYNAMIC } : spec,
  )
  .transform(({ numerics, ...spec }) => ({ ...spec, ...saidNumerics(numerics) }))
  .readonly();

/**
 * A run as a value: whatever may change a bit of its result is in here, and where data lies, how
 * many threads or processes work on it is not. Immutable; every default is spelled out.
 */
export type Experiment = z.output<typeof ExperimentSpec>;

/** An experiment as a recipe writes it: what has a default may be left out. */
export type ExperimentInput = z.input<typeof ExperimentSpec>;

/** What the schema needs of a method; `harness/experiment/method.ts` has the whole. */
export interface SpecifiedMethod {
  /** Its own fields of `method`, without `kind`. */
  readonly schema: z.ZodType;
  /** Its own options of `compat`. */
  readonly compat?: CompatFields | undefined;
}

/**
 * Checks a value and fills in its defaults; spellings of the first format are understood.
 * @param methods by `kind`.
 * @throws UserError with a line for each mistake: path, expectation, what was found, nearest key.
 */
export function parseExperiment(
  value: unknown,
  methods: Readonly<Record<string, SpecifiedMethod>>,
): Experiment {
  const what = `experiment ${nameOf(value)}`;
  const experiment = parse(ExperimentSpec, respelled(value), what);
  const { kind, ...fields } = experiment.method;
  const definition = Object.hasOwn(methods, kind) ? methods[kind] : undefined;
  if (definition === undefined) {
    const known = Object.keys(methods).sort();
    const near = nearest(kind, known);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    const list = known.join(', ');
    throw new UserError(`${what}: method.kind: expected ${list}, found "${kind}"${hint}`);
  }
  const spec = parse(definition.schema, fields, what, ['method']);
  const compat = parse(compatOf(definition.compat), experiment.compat, what, ['compat']);
  return deepFreeze({ ...experiment, method: { kind, ...Object(spec) }, compat });
}

/** The experiment id: SHA-256 of the canonical JSON. */
export function experimentId(experiment: Experiment): Sha256 {
  return sha256Json(experiment);
}

function nameOf(value: unknown): string {
  const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : '';
  return typeof name === 'string' && name !== '' ? name : 'without a name';
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
