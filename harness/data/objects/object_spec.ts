import { z } from 'zod';

/** Kinds of source whose pictures come with objects. Paths are relative to the data folder of the run. */
export const objectSources = [
  /** PASCAL VOC's devkits: the splits one after another, `ROOT/VOC2007/Annotations`. */
  z.strictObject({
    kind: z.literal('vocObjects'),
    root: z.string().default('VOCdevkit'),
    splits: z
      .array(
        z.strictObject({
          year: z.int().min(2007).max(2012).default(2007),
          split: z.enum(['train', 'val', 'trainval', 'test']).default('trainval'),
        }),
      )
      .min(1)
      .readonly(),
  }),
  /** COCO's instances: `ROOT/annotations/instances_PART.json` and the pictures in `ROOT/PART`. */
  z.strictObject({
    kind: z.literal('cocoObjects'),
    root: z.string().default('coco'),
    part: z.string().regex(/^\w+$/, 'expected a word such as train2017').default('train2017'),
  }),
  /** Shapes drawn from the seed, with their outlines; needs no files. */
  z.strictObject({
    kind: z.literal('drawnObjects'),
    classes: z.int().min(1).max(6).default(3),
    count: z.int().positive(),
    /** Sides of a picture in pixels, drawn between these. */
    sides: z
      .tuple([z.int().min(32).max(2048), z.int().min(32).max(2048)])
      .refine(([least, most]) => least <= most, { message: 'expected the smaller side first' })
      .readonly()
      .default([96, 144]),
    /** Shapes in a picture, at most; at least one. */
    most: z.int().positive().max(20).default(4),
    seed: z.int().nonnegative().default(0),
    split: z.enum(['train', 'test']).default('train'),
  }),
] as const;

/** Where pictures with objects come from. */
export const objectSpec = z.discriminatedUnion('kind', objectSources).readonly();
export type ObjectSpec = z.infer<typeof objectSpec>;
