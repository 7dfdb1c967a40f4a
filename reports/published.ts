import { join } from 'node:path';
import { z } from 'zod';
import { parse, readJson } from '../harness/base/index.ts';

const Model = z.strictObject({
  method: z.string(),
  id: z.string(),
  config: z.string().nullable(),
  /** As the source's column of that name. */
  remarks: z.string(),
  /** Name of the published file. */
  weights: z.string(),
  epochs: z.int().nullable(),
  /** The row stands in a comment of the source. */
  hidden: z.boolean(),
});

const Row = z.strictObject({
  /** Place in `models`. */
  model: z.int().nonnegative(),
  config: z.string(),
  /** Digits as printed, by column; null where the source has none. */
  values: z.array(z.string().nullable()),
  layer: z.string().optional(),
});

const Published = z.strictObject({
  source: z.string(),
  backbone: z.string(),
  notes: z.record(z.string(), z.string()),
  models: z.array(Model),
  benchmarks: z.record(
    z.string(),
    z.strictObject({
      columns: z.array(z.string()),
      /** Keys of `notes` that all rows have. */
      notes: z.array(z.string()),
      rows: z.array(Row),
    }),
  ),
});

/** Numbers that OpenSelfSup published, percent. */
export type Published = z.infer<typeof Published>;
export type PublishedModel = z.infer<typeof Model>;

/** Reads `docs/reference/model_zoo.json`. */
export function readPublished(): Published {
  const file = join(import.meta.dirname, '..', 'docs', 'reference', 'model_zoo.json');
  return parse(Published, readJson(file, 'the published numbers'), file);
}

/** Data of a published table, with its size. */
interface PublishedData {
  readonly kind: string;
  /** Of `benchmarks` in the file. */
  readonly key: string;
  readonly title: string;
  readonly data: string;
  /** Column that stands beside own results. */
  readonly main: string;
  /** Names of the own experiments beside which it may stand, where a protocol runs on several data sets. */
  readonly beside?: RegExp;
}

/** Which published table is of which protocol; sizes from docs/reference/benchmarks.md. */
export const PUBLISHED: readonly PublishedData[] = [
  {
    kind: 'svm',
    key: 'voc07_svm',
    title: 'VOC07 linear SVM, best layer',
    data: 'VOC2007, 5,011 images to train, 4,952 to test',
    main: 'mAP',
  },
  {
    kind: 'lowshot',
    key: 'voc07_svm_lowshot',
    title: 'VOC07 low-shot SVM, best layer',
    data: 'VOC2007, k positives of each class, 4,952 images to test',
    main: 'mAP@k=96',
  },
  {
    kind: 'linear',
    key: 'imagenet_linear_multi',
    title: 'ImageNet linear, Multi, top-1',
    data: 'ImageNet, 1,281,167 images to train, 50,000 to test',
    main: 'feat5',
  },
  {
    kind: 'linear_last',
    key: 'imagenet_linear_last',
    title: 'ImageNet linear, Last',
    data: 'ImageNet, 1,281,167 images to train, 50,000 to test',
    main: 'top1',
  },
  {
    kind: 'places205',
    key: 'places205_linear_multi',
    title: 'Places205 linear, Multi, top-1',
    data: 'Places205, all of its images',
    main: 'feat5',
  },
  {
    kind: 'semi',
    key: 'imagenet_semi_1pct',
    title: 'ImageNet, 1 % of the labels',
    data: 'ImageNet, 12,811 images to train, 50,000 to test',
    main: 'top1',
  },
  {
    kind: 'semi',
    key: 'imagenet_semi_10pct',
    title: 'ImageNet, 10 % of the labels',
    data: 'ImageNet, 128,116 images to train, 50,000 to test',
    main: 'top1',
  },
  {
    kind: 'detection',
    key: 'voc0712_detection',
    title: 'VOC07+12 detection, Faster R-CNN R50-C4, 24,000 iterations',
    data: 'VOC2007 and VOC2012, 16,551 images to train, 4,952 of 2007 to test',
    main: 'AP',
    beside: /^detection-voc_c4_24k/,
  },
  {
    kind: 'detection',
    key: 'coco17_detection',
    title: 'COCO17 detection and instance masks, Mask R-CNN R50-C4, 2x',
    data: 'COCO2017, 118,287 images, of which those with objects train, 5,000 to test',
    main: 'bbox_AP',
    beside: /^detection-coco_c4_2x/,
  },
];

/** Oddities of single rows, by footnote. */
const ODD: readonly (readonly [of: (model: PublishedModel) => boolean, text: string])[] = [
  [
    ({ weights }) => weights.includes('-e3b0c442.'),
    'The name of the published weights ends in e3b0c442, the beginning of the SHA-256 of nothing: the file was hashed before it was written, so the name vouches for no content.',
  ],
  [({ hidden }) => hidden, 'The row stands in a comment of the source: withdrawn as buggy.'],
  [
    ({ config }) => /bs256_accumulate16|bs2048_accumulate2/.test(config ?? ''),
    'The batch that is printed is that of one pass; 4096 images are accumulated for a step.',
  ],
];

/** Footnotes of a whole table, by its key. */
const OF_TABLE: Readonly<Record<string, string>> = {
  places205_linear_multi:
    'Called results of the last epoch, but the shipped config neither evaluates nor saves epoch 28: its last evaluation is after epoch 20.',
  imagenet_linear_last:
    'The supervised row is below feat5 of the same network in the table "Multi": the protocols differ in rate, norm and pooling. MoCo is at 61.02 here, and the summary of the source has 60.60 as its best.',
  voc07_svm: 'SimCLR at batch 256 lies below MoCo v1.',
  voc07_svm_lowshot:
    'The cost is chosen on test images, and the five samples of labels were drawn without a seed.',
  voc0712_detection:
    "Which of two definitions of precise batch norm was used is not recorded. MoCo's authors report for VOC, as means of five runs, AP50 / AP / AP75 of supervised weights 81.3 / 53.5 / 58.8, MoCo 81.5 / 55.9 / 62.6, MoCo v2 82.4 / 57.0 / 63.6.",
};

/** A published table as text, with the footnotes that its rows need. */
export interface PublishedTable {
  readonly title: string;
  readonly data: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** The published tables of a protocol. */
export function publishedTables(published: Published, kind: string): PublishedTable[] {
  return PUBLISHED.filter((one) => one.kind === kind).flatMap(({ key, title, data }) => {
    const found = published.benchmarks[key];
    if (found === undefined) return [];
    const withLayer = found.rows.some(({ layer }) => layer !== undefined);
    const models = found.rows.map(({ model }) => modelAt(published, model));
    const odd = ODD.filter(([of]) => models.some(of));
    const rows = found.rows.map(({ values, layer, config }, i) => {
      const model = modelAt(published, found.rows[i]?.model ?? 0);
      const marks = odd.flatMap(([of], note) => (of(model) ? [`[${note + 1}]`] : []));
      return [
        [modelText(model), ...marks].join(' '),
        ...(kind === 'semi' ? [/r50_(.*)\.py$/.exec(config)?.[1] ?? config] : []),
        ...(withLayer ? [layer ?? '–'] : []),
        ...values.map((value) => value ?? '–'),
      ];
    });
    const head = [
      'weights, as published',
      ...(kind === 'semi' ? ['best of the grid'] : []),
      ...(withLayer ? ['layer'] : []),
      ...found.columns.map(columnTitle),
    ];
    const table = OF_TABLE[key];
    const notes = [...odd.map(([, text], i) => `[${i + 1}] ${text}`), ...(table ? [table] : [])];
    return [{ title, data, head, rows, notes }];
  });
}

/** The words of own results: boxes, masks. */
function columnTitle(name: string): string {
  return name.replace(/^bbox_/, 'box ').replace(/^segm_/, 'mask ');
}

function modelAt({ models }: Published, place: number): PublishedModel {
  const model = models[place];
  if (model === undefined) throw new Error(`published: there is no model ${place}`);
  return model;
}

function modelText({ method, remarks, epochs, config }: PublishedModel): string {
  const batch = /bs(\d+)/.exec(config ?? '')?.[1];
  const parts = [
    ...(remarks === 'default' ? [] : [remarks]),
    ...(batch === undefined ? [] : [`batch ${batch}`]),
    ...(epochs === null ? [] : [`${epochs} epochs`]),
  ];
  return parts.length === 0 ? method : `${method} (${parts.join(', ')})`;
}

/** Published rows that are of the same method as own weights, by `method.kind`. */
const SAME_METHOD: Readonly<Record<string, readonly string[]>> = {
  random: ['random'],
  supervised: ['supervised_imagenet'],
  relative_loc: ['relative_loc'],
  rotation: ['rotation_pred'],
  deepcluster: ['deepcluster'],
  npid: ['npid'],
  odc: ['odc'],
  moco: ['moco_v2'],
  simclr: ['simclr'],
  byol: ['byol'],
};

/**
 * What was published for a method under a protocol, its first row; undefined where nothing was.
 * @param protocol with the percent of labels of the semi-supervised one, and the name of the own experiment
 */
export function publishedFor(
  published: Published,
  method: string,
  protocol: Protocol & { readonly percent?: number | undefined },
): string | undefined {
  const { percent } = protocol;
  const of = PUBLISHED.find(
    (one) =>
      isBeside(one, protocol) && (percent === undefined || one.key.endsWith(`_${percent}pct`)),
  );
  const ids = SAME_METHOD[method] ?? [];
  const found = of === undefined ? undefined : published.benchmarks[of.key];
  if (of === undefined || found === undefined) return undefined;
  const row = found.rows.find(({ model }) => {
    const { id, hidden } = modelAt(published, model);
    return ids.includes(id) && !hidden;
  });
  return row?.values[found.columns.indexOf(of.main)] ?? undefined;
}

/** The column that `publishedFor` takes, for a heading. */
export function publishedColumn(protocol: Protocol): string | undefined {
  const found = PUBLISHED.find((one) => isBeside(one, protocol));
  return found && columnTitle(found.main);
}

interface Protocol {
  readonly kind: string;
  /** Of the experiment. */
  readonly name?: string | undefined;
}

function isBeside({ kind, beside }: PublishedData, protocol: Protocol): boolean {
  return kind === protocol.kind && (beside === undefined || beside.test(protocol.name ?? ''));
}
