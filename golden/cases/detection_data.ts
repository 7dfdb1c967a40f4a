import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { inTemporaryFolder } from '../../harness/base/index.ts';
import { Canvas } from '../../harness/data/images/canvas.ts';
import { grouped } from '../../harness/data/objects/batches.ts';
import { changedBox, sizeFor, targetsOf } from '../../harness/data/objects/change_objects.ts';
import { indexCocoObjects } from '../../harness/data/objects/coco_objects.ts';
import { type SeenObject, trainable } from '../../harness/data/objects/objects.ts';
import { changedPicture } from '../../harness/data/objects/picture.ts';
import { indexVocObjects, type ObjectIndex } from '../../harness/data/objects/voc_objects.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { rleText } from '../../harness/metrics/rle_text.ts';
import { learningRate } from '../../harness/optim/schedule.ts';
import type { ScheduleSpec } from '../../harness/optim/schedule_spec.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';

const integers = (shape: readonly number[], values: readonly number[]) =>
  hostArray('int64', shape, BigInt64Array.from(values, BigInt));
const doubles = (shape: readonly number[], values: readonly number[]) =>
  hostArray('float64', shape, Float64Array.from(values));
const numbers = ({ data }: HostArray) => Array.from(data, Number);
const ABSOLUTE = { kind: 'absolute', absolute: 0 } as const;

/** The bound of a group of tensors that have names of their own. */
function bound({ tolerances }: Fixture, group: string) {
  return tolerances[group] ?? { ...ABSOLUTE, value: 0 };
}

const Schedules = z.record(
  z.string(),
  z.looseObject({
    base_lr: z.number(),
    steps: z.array(z.int()),
    max_iter: z.int(),
    warmup_iters: z.int(),
    warmup_factor: z.number(),
    warmup_method: z.literal('linear'),
    gamma: z.number(),
  }),
);

/** Sizes, pixels and boxes of resized and flipped pictures, and learning rates. */
export const resizeCase: ParityCase = {
  methods: ['image sizes and learning rates'],
  run: async (fixture, comparisons) => {
    const table = numbers(fixture.input('in.table'));
    const sizes = Array.from({ length: table.length / 4 }, (_, row) => {
      const [height = 0, width = 0, short = 0, longest = 0] = table.slice(4 * row, 4 * row + 4);
      const { toHeight, toWidth } = sizeFor({ width, height }, short, longest);
      return [toHeight, toWidth];
    });
    comparisons.add('out.table', integers([sizes.length, 2], sizes.flat()));
    const { sets } = fixture.field('hyper_parameters', z.looseObject({ sets: z.int() }));
    for (let set = 0; set < sets; set++) addPictures(fixture, comparisons, `set${set}`);
    for (const [name, one] of Object.entries(fixture.field('schedules', Schedules))) {
      const schedule: ScheduleSpec = {
        kind: 'step',
        per: 'step',
        milestones: one.steps,
        gamma: one.gamma,
        warmup: { iterations: one.warmup_iters, ratio: one.warmup_factor, kind: 'linear' },
      };
      const rates = Array.from({ length: one.max_iter }, (_, step) =>
        learningRate(schedule, one.base_lr, { step, stepsPerEpoch: one.max_iter, epochs: 1 }),
      );
      comparisons.addWithin(`lr.${name}`, doubles([rates.length], rates), bound(fixture, 'lr'));
    }
  },
};

function addPictures(fixture: Fixture, comparisons: Comparisons, set: string): void {
  const { shape, data } = fixture.input(`in.${set}.pixels`);
  const [height = 0, width = 0] = shape;
  const picture = { width, height, pixels: Uint8Array.from(data, Number) };
  const [short = 0, longest = 0] = numbers(fixture.input(`in.${set}.size`));
  const boxes = numbers(fixture.input(`in.${set}.boxes`));
  for (const flip of [false, true]) {
    const name = `${set}.${flip ? 'flipped' : 'resized'}`;
    const change = { width, height, ...sizeFor(picture, short, longest), flip };
    const made = changedPicture(new Canvas(), picture, change);
    comparisons.add(name, hostArray('uint8', [made.height, made.width, 3], made.pixels));
    const changed = Array.from({ length: boxes.length / 4 }, (_, row) => {
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.slice(4 * row, 4 * row + 4);
      return changedBox([x1, y1, x2, y2], change);
    });
    const array = doubles([changed.length, 4], changed.flat());
    comparisons.addWithin(`${name}_boxes`, array, bound(fixture, 'boxes'));
  }
}

const Documents = z.looseObject({
  voc: z.looseObject({ image_set: z.array(z.string()), xml: z.record(z.string(), z.string()) }),
  coco: z.looseObject({ images: z.array(z.looseObject({ id: z.int(), file_name: z.string() })) }),
});
const Expected = z.looseObject({
  voc: z.array(z.unknown()),
  voc_training_image_ids: z.array(z.string()),
  coco: z.array(z.unknown()),
  coco_training_image_ids: z.array(z.int()),
  coco_category_map: z.record(z.string(), z.int()),
  coco_class_names: z.array(z.string()),
});
const Mapping = z.array(
  z.looseObject({ key: z.string(), short_edge: z.int(), max_size: z.int(), flip: z.boolean() }),
);
const Grouping = z.looseObject({ batch: z.int(), batches: z.array(z.array(z.int())) });

/** Annotations of VOC and COCO, what is trained on, and the batches. */
export const dataCase: ParityCase = {
  methods: ['VOC and COCO annotations to training boxes'],
  run: async (fixture, comparisons) => {
    const documents = fixture.field('documents', Documents);
    const expected = fixture.field('expected', Expected);
    const { voc, coco } = await inTemporaryFolder('det-data-', (folder) => read(folder, documents));
    const ids = ({ truths }: ObjectIndex) => [...trainable(truths)].map((i) => truths.image(i).id);
    comparisons.same('voc', recordsOf(voc), expected.voc.map(inCorners));
    comparisons.same('voc training images', ids(voc), expected.voc_training_image_ids);
    comparisons.same('coco', recordsOf(coco), expected.coco.map(inCorners));
    comparisons.same('coco training images', ids(coco), expected.coco_training_image_ids);
    const map = Object.fromEntries((coco.truths.categories ?? []).map((id, label) => [id, label]));
    comparisons.same('coco categories', map, expected.coco_category_map);
    comparisons.same('coco classes', coco.truths.classes, expected.coco_class_names);
    for (const one of fixture.field('mapping', Mapping))
      addTargets(fixture, comparisons, one, one.key.startsWith('voc.') ? voc : coco);
    const { batch, batches } = fixture.field('grouping', Grouping);
    const sides = numbers(fixture.input('in.grouping.width_height'));
    const order = Array.from({ length: sides.length / 2 }, (_, i) => ({ index: i, place: i }));
    const wide = (i: number) => (sides[2 * i] ?? 0) > (sides[2 * i + 1] ?? 0);
    const found = [...grouped(order, wide, batch)].map((one) => one.map(({ index }) => index));
    comparisons.same('grouping', found, batches);
  },
};

/** Writes the documents as a data folder has them, and reads them as any. */
async function read(folder: string, { voc, coco }: z.infer<typeof Documents>) {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write('VOCdevkit/VOC2007/ImageSets/Main/trainval.txt', voc.image_set.join('\n'));
  for (const [id, xml] of Object.entries(voc.xml))
    write(`VOCdevkit/VOC2007/Annotations/${id}.xml`, xml);
  write('coco/annotations/instances_train2017.json', JSON.stringify(coco));
  const splits = [{ year: 2007, split: 'trainval' }] as const;
  const from = { data: folder };
  return {
    voc: await indexVocObjects({ kind: 'vocObjects', root: 'VOCdevkit', splits }, from),
    coco: await indexCocoObjects({ kind: 'cocoObjects', root: 'coco', part: 'train2017' }, from),
  };
}

/** The reference's records, as the description has them. */
function recordsOf({ files, truths }: ObjectIndex): unknown[] {
  return files.names.map((name, i) => {
    const { id, width, height } = truths.image(i);
    const annotations = truths.objects(i).map(annotationOf);
    return { file_name: basename(name), image_id: id, height, width, annotations };
  });
}

function annotationOf({ class: label, box, extent, crowd, polygons, mask }: SeenObject): unknown {
  const seen = polygons?.map((points) => [...points]);
  const runs = mask && { size: [mask.height, mask.width], counts: rleText(mask) };
  const segmentation = seen ?? runs;
  return {
    category_id: label,
    bbox: [...box],
    ...(segmentation === undefined ? {} : { segmentation }),
    ...(extent === undefined ? {} : { iscrowd: Number(crowd) }),
  };
}

const Record = z.looseObject({
  annotations: z.array(
    z.looseObject({
      bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      bbox_mode: z.string(),
    }),
  ),
});

/** A record with all its boxes as corners. */
function inCorners(value: unknown): unknown {
  const { annotations, ...rest } = Record.parse(value);
  const corners = annotations.map(({ bbox, bbox_mode, ...one }) => {
    const [x, y, width, height] = bbox;
    const size = bbox_mode === 'XYWH_ABS' ? [x, y, x + width, y + height] : bbox;
    return { ...one, bbox: size };
  });
  return { ...rest, annotations: corners };
}

function addTargets(
  fixture: Fixture,
  comparisons: Comparisons,
  { key, short_edge, max_size, flip }: z.infer<typeof Mapping>[number],
  { truths }: ObjectIndex,
): void {
  const id = key.replace(/^\w+\./, '');
  const index =
    [...Array(truths.count).keys()].find((i) => String(truths.image(i).id) === id) ?? -1;
  const { width, height } = truths.image(index);
  const change = { width, height, ...sizeFor({ width, height }, short_edge, max_size), flip };
  const targets = targetsOf(truths.objects(index), change);
  comparisons.add(`out.${key}.size`, integers([2], [change.toHeight, change.toWidth]));
  const boxes = targets.flatMap(({ box }) => box);
  const array = hostArray('float32', [targets.length, 4], Float32Array.from(boxes));
  comparisons.addWithin(`out.${key}.gt_boxes`, array, bound(fixture, 'boxes'));
  const classes = targets.map(({ class: label }) => label);
  comparisons.add(`out.${key}.gt_classes`, integers([classes.length], classes));
  for (const [g, { polygons }] of targets.entries())
    for (const [p, points] of polygons.entries())
      comparisons.addWithin(
        `out.${key}.polygon${g}.${p}`,
        doubles([points.length], [...points]),
        bound(fixture, 'polygons'),
      );
}
