import { z } from 'zod';
import { objectSources } from './objects/object_spec.ts';

const probability = z.number().min(0).max(1);
const fraction = z.number().nonnegative();

/**
 * What labels mean: the names of the classes by label; a file in the data folder that has them, one a
 * line; or how many there are, which is the names 0, 1, …
 */
const classes = z
  .union([z.int().positive(), z.array(z.string().min(1)).min(1).readonly(), z.string().min(1)])
  .optional();
export type ClassesSpec = NonNullable<z.infer<typeof classes>>;

/** The kinds of source that images come from. Paths are relative to the data folder of the run. */
const plainSources = [
  /** Shapes and textures drawn from the seed; needs no files. */
  z.strictObject({
    kind: z.literal('generated'),
    classes: z.int().min(2).max(10).default(10),
    count: z.int().positive(),
    size: z.int().min(8).max(1024).default(32),
    seed: z.int().nonnegative().default(0),
    split: z.enum(['train', 'test']).default('train'),
    /**
     * Degrees that a picture is turned by at most, from a pattern that stands upright and light that
     * falls from above, as in photographs. Absent: any direction.
     */
    upright: z.number().min(0).max(180).optional(),
    /** Several patterns a picture, and marks of each class instead of one label. */
    labels: z.literal('several').optional(),
  }),
  /** Official files, binary or Python: as many of a split's as are there. */
  z.strictObject({
    kind: z.enum(['cifar10', 'cifar100']),
    root: z.string().default('cifar'),
    split: z.enum(['train', 'test']).default('train'),
  }),
  /** One folder a class. `classes` names their order, also of those that have no folder. */
  z.strictObject({ kind: z.literal('folder'), root: z.string(), classes }),
  /** A list of files, one a line, with or without a label behind each. */
  z.strictObject({
    kind: z.literal('list'),
    root: z.string(),
    file: z.string(),
    labelled: z.boolean().default(false),
    classes,
  }),
  /** PASCAL VOC, which classes each image has: `ROOT/VOC2007/ImageSets/Main`. */
  z.strictObject({
    kind: z.literal('voc'),
    root: z.string().default('VOCdevkit'),
    year: z.int().min(2007).max(2012).default(2007),
    split: z.enum(['train', 'val', 'trainval', 'test']).default('trainval'),
  }),
  ...objectSources,
] as const;
const plainSource = z.discriminatedUnion('kind', plainSources);

/** A source with samples of its own: no other kind reads anything. */
export type PlainSource = Readonly<z.infer<typeof plainSource>>;
/** What a subset has of its source: exactly one of these. */
interface Share {
  readonly percent?: number | undefined;
  readonly perClass?: number | undefined;
  readonly file?: string | undefined;
}
/** Sources made of sources. */
export type SourceSpec =
  | PlainSource
  | { readonly kind: 'concat'; readonly sources: readonly SourceSpec[] }
  | { readonly kind: 'repeat'; readonly source: SourceSpec; readonly times: number }
  | (Share & { readonly kind: 'subset'; readonly source: SourceSpec; readonly seed: number });
type SourceInput =
  | z.input<typeof plainSource>
  | { kind: 'concat'; sources: readonly SourceInput[] }
  | { kind: 'repeat'; source: SourceInput; times: number }
  | (Share & { kind: 'subset'; source: SourceInput; seed?: number | undefined });

// The type is said, as one that contains itself cannot be inferred.
const innerSource: z.ZodType<SourceSpec, SourceInput> = z.lazy(() => sourceSpec);

/** Where images come from. */
export const sourceSpec = z
  .discriminatedUnion('kind', [
    ...plainSources,
    /** The samples of several sources, one after another. */
    z.strictObject({
      kind: z.literal('concat'),
      sources: z.array(innerSource).min(1).readonly(),
    }),
    /** The samples of a source, several times over: an epoch is as much longer. */
    z.strictObject({ kind: z.literal('repeat'), source: innerSource, times: z.int().positive() }),
    /**
     * Some samples of a source: as many of each class, drawn from the seed; or those that a list in the
     * data folder names.
     */
    z
      .strictObject({
        kind: z.literal('subset'),
        source: innerSource,
        /** Of all samples. */
        percent: z.number().positive().max(100).optional(),
        /** Samples. */
        perClass: z.int().positive().optional(),
        /** One name of a file a line, as SimCLR's `1percent.txt`. */
        file: z.string().min(1).optional(),
        seed: z.int().nonnegative().default(0),
      })
      .refine(
        ({ percent, perClass, file }) =>
          [percent, perClass, file].filter((one) => one !== undefined).length === 1,
        { message: 'expected exactly one of percent, perClass and file' },
      ),
  ])
  .readonly();

/** The sources with samples of their own that a source is made of. */
export function plainSourcesOf(spec: SourceSpec): readonly PlainSource[] {
  if (spec.kind === 'concat') return spec.sources.flatMap(plainSourcesOf);
  if (spec.kind === 'repeat' || spec.kind === 'subset') return plainSourcesOf(spec.source);
  return [spec];
}

const interpolation = z.enum(['bilinear', 'bicubic']);
/** Side of what is cut out; `data.size` unless given. */
const side = z.int().positive().optional();

/** One operation on an image, docs/reference/methods.md, section 2. */
const viewOp = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('randomResizedCrop'),
    /** Share of the area. */
    scale: z.tuple([fraction, fraction]).readonly().default([0.08, 1]),
    /** Width over height. */
    ratio: z
      .tuple([fraction, fraction])
      .readonly()
      .default([0.75, 4 / 3]),
    interpolation: interpolation.default('bilinear'),
    size: side,
  }),
  z.strictObject({ kind: z.literal('flip'), p: probability.default(0.5) }),
  z.strictObject({
    kind: z.literal('colorJitter'),
    brightness: fraction.default(0),
    contrast: fraction.default(0),
    saturation: fraction.default(0),
    hue: z.number().min(0).max(0.5).default(0),
    p: probability.default(1),
  }),
  z.strictObject({ kind: z.literal('grayscale'), p: probability.default(0.2) }),
  z.strictObject({
    kind: z.literal('blur'),
    /** Radius of Pillow's GaussianBlur, pixels. */
    sigma: z.tuple([fraction, fraction]).readonly().default([0.1, 2]),
    p: probability.default(0.5),
  }),
  z.strictObject({
    kind: z.literal('solarize'),
    threshold: z.int().min(0).max(255).default(128),
    p: probability.default(0.2),
  }),
  /** Turns by an angle from -`degrees` to `degrees`; the corners become black. */
  z.strictObject({ kind: z.literal('rotation'), degrees: z.number().min(0).max(180).default(2) }),
  /** Adds a colour along the principal directions of ImageNet's. */
  z.strictObject({ kind: z.literal('lighting'), std: fraction.default(0.1) }),
  /** The shorter side becomes `size`. */
  z.strictObject({
    kind: z.literal('resize'),
    size: z.int().positive(),
    interpolation: interpolation.default('bilinear'),
  }),
  /** Both sides become `size`, whatever the ratio was. */
  z.strictObject({
    kind: z.literal('squash'),
    size: side,
    interpolation: interpolation.default('bilinear'),
  }),
  z.strictObject({ kind: z.literal('centerCrop'), size: side }),
  z.strictObject({
    kind: z.literal('randomCrop'),
    padding: z.int().nonnegative().default(0),
    size: side,
  }),
  /**
   * Last of a pipeline: `grid` x `grid` views of one image, a patch of `data.size` from each cell, row
   * after row. Each is moved by 0 to `jitter` pixels within its cell, along each axis for itself.
   */
  z.strictObject({
    kind: z.literal('patches'),
    grid: z.int().min(2).default(3),
    jitter: z.int().nonnegative().default(21),
  }),
]);
export type ViewOp = z.infer<typeof viewOp>;

/** The operations that make one view, in order; or, where they end in `patches`, several. */
export const viewSpec = z
  .array(viewOp)
  .min(1)
  .superRefine((ops, context) => {
    for (const [i, { kind }] of ops.slice(0, -1).entries())
      if (kind === 'patches')
        context.addIssue({
          code: 'custom',
          path: [i, 'kind'],
          message: 'expected patches at the end of the pipeline: nothing can follow',
        });
  })
  .readonly();
export type ViewSpec = z.infer<typeof viewSpec>;
