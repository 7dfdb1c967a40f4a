import { z } from 'zod';
import type { BenchmarkDefinition } from '../harness/benchmark/definition.ts';
import { type Block, markdownOf } from './blocks.ts';

/** What the page says of a protocol besides its numbers. */
interface Told {
  readonly section: string;
  readonly trained: string;
  readonly reported: string;
  readonly text: string;
  /** Where it is, unless in `benchmarks/KIND.ts`. */
  readonly code?: string;
  /** The sheet of facts, unless it is that of benchmarks. */
  readonly sheet?: string;
}

/** Protocols in the order of the page. */
const TOLD: Readonly<Record<string, Told>> = {
  knn: {
    section: '',
    trained: 'nothing',
    reported: 'top-1, top-5',
    text: 'The `k` training images whose averaged last features have the most similar direction vote for their classes with exp(similarity / `temperature`), [Wu et al. 2018](https://arxiv.org/abs/1805.01978), section 3.4. The search is exact.',
  },
  linear: {
    section: 'section 5',
    trained: 'five linear layers at once, on frozen features',
    reported: 'top-1 and top-5 of each level after the last epoch',
    text: 'Each level is pooled to about 9,000 values, its channels normalised by a batch norm without scale or shift, and classified by a linear layer of its own. The backbone has its statistics fixed and runs once a batch for all five.',
  },
  linear_last: {
    section: 'section 6',
    trained: 'one linear layer, on frozen features',
    reported: 'top-1 and top-5 of the best epoch, and of the last',
    text: "MoCo's protocol: the averaged last level and a linear layer with a rate of 30, so losses are large at first. Weights that learn nothing in the first `health.steps` steps stop the run by that name.",
  },
  places205: {
    section: 'section 7',
    trained: 'as Linear, Multi, on 205 kinds of places',
    reported: 'as Linear, Multi; also after the last epoch',
    text: "As Linear, Multi with the numbers below. The original's config judges and saves every 10 epochs of 28, so it never judges its last one; here the last epoch is always judged.",
  },
  semi: {
    section: 'section 8',
    trained: 'everything, with 1 % or 10 % of the labels',
    reported: 'top-1 and top-5 of the best point of a grid',
    text: 'Each of `lrs` with each of `heads`, by which the rate of the new classifier is multiplied, is a run of its own; `--cells` picks some. `--set benchmark.percent=10` takes ten percent, with a weight decay of 1e-4.',
  },
  svm: {
    section: 'section 2',
    trained: 'a linear SVM a class, on frozen features',
    reported: 'mean average precision, by the area and by the 11-point rule',
    text: 'Squared hinge with a regularised intercept; positives weigh twice. The cost of each class is the one with the best mean precision over `folds` of the training images. A difficult image counts as a negative in training and is left out of the test. Every machine is solved to its optimum.',
  },
  lowshot: {
    section: 'section 3',
    trained: 'the same SVMs on k images of each class',
    reported: 'mean over the samples, for each k',
    text: 'Of each class k positives and `negatives` times as many others, `samples` times, drawn from the seed. `kK_mean` has the cost chosen on test images, as the original does, and `kK_cv_mean` by cross-validation on training images alone.',
  },
  detection: {
    section: 'whole',
    trained: 'everything, as Faster R-CNN R50-C4',
    reported: 'AP, AP50 and AP75 of boxes after precise batch norm; of COCO by sizes too',
    text: 'All layers of a ResNet and of the heads on it learn from pictures with boxes, in iterations; `period` of them are an epoch of the run, with a checkpoint and an entry of the record. `--set recipe=NAME` (or `--preset`) takes one of the columns below. What was found is in `detector/detections.json`, as COCO has its results; of a finished run `detection.md` shows it, with `pictures/` and, for other tools, `results/`.',
    code: 'benchmarks/detection/benchmark.ts',
    sheet: 'docs/reference/detection.md',
  },
};

/** What a field of a spec means; fields that are not here do not reach the page. */
export const MEANING: Readonly<Record<string, string>> = {
  'data.train': 'images to learn from',
  'data.test': 'images to judge by',
  'data.size': 'side of the images, pixels',
  'data.view': 'view of a training image',
  'data.pipeline': 'how an image is brought to its size',
  k: 'neighbours that vote',
  temperature: 'temperature of their votes',
  metric: 'what makes neighbours near',
  voting: 'whether nearer ones count more',
  classes: 'classes of the classifier',
  pool: 'pooling to about 9,000 values',
  pooling: 'pooling to about 9,000 values',
  initStd: "deviation of the classifier's first weights",
  normMomentum: "momentum of the classifier's batch norm",
  cache: 'images whose features are computed at a time, once; 0: in each step anew',
  percent: 'percent of the labels that are kept',
  'subset.kind': 'which images keep their labels',
  'subset.1': 'the list of 1 %',
  'subset.10': 'the list of 10 %',
  'subset.seed': 'seed of the draw of these images',
  lr: 'learning rate',
  lrs: 'learning rates of the grid',
  heads: "what the classifier's rate is multiplied by",
  replicas: 'GPUs of the original',
  batch: 'images of each of them in a step',
  epochs: 'epochs',
  momentum: 'momentum of SGD',
  nesterov: 'momentum in the form of Nesterov',
  weightDecay: 'weight decay',
  milestones: 'epochs after which the rate is multiplied',
  gamma: 'by this',
  judgeEvery: 'epochs between judgements',
  judgeBatch: 'images judged at a time',
  keepEvery: 'epochs between checkpoints that stay',
  logEvery: 'steps between lines of the log',
  precision: 'precision of the numbers',
  'health.steps': 'steps after which something has to have been learnt',
  'health.tolerance': 'how near a guess the loss may be then, as a share',
  'health.errors': 'how far above a guess the accuracy has to be, in standard errors',
  layers: 'levels, one after another',
  costs: 'costs, in the order in which the first of equals is taken',
  'weights.positive': 'weight of an image that shows the class',
  'weights.negative': 'weight of one that does not',
  interceptScaling: 'scale of the intercept, which is one more feature',
  epsilon: 'added to the length that a row is divided by',
  folds: 'folds of the cross-validation',
  samples: 'draws of images',
  ks: 'positives of each class',
  negatives: 'negatives for each positive',
  labels: 'files with the labels of the draws',
  'data.shortEdges': 'short sides in training, each as likely, pixels',
  'data.longest': 'longest side in training',
  'data.flip': 'share of pictures that are flipped',
  'data.testShort': 'short side of pictures that are judged',
  'data.testLongest': 'their longest side',
  'data.most': 'objects of a picture, at most',
  scoring: 'whose average precision',
  'detector.extraNorm': 'one more norm behind the last stage',
  'detector.mask.channels':
    'of the mask head, between its two layers; masks are learnt where it is there',
  'detector.anchors.sizes': 'sides of square anchors, pixels',
  'detector.anchors.ratios': 'height over width of anchors',
  'detector.anchors.stride': 'pixels between them',
  'detector.anchors.offset': 'where the first lies, in strides',
  'detector.rpn.thresholds':
    'IoU below which an anchor is background, and from which it is an object',
  'detector.rpn.count': 'anchors drawn of a picture',
  'detector.rpn.positiveFraction': 'share of objects among them, at most',
  'detector.proposals.train.before': 'proposals looked at in training',
  'detector.proposals.train.after': 'and left',
  'detector.proposals.train.threshold': 'IoU above which the lower of two is dropped',
  'detector.proposals.train.minSize': 'pixels that their sides must exceed',
  'detector.proposals.test.before': 'proposals looked at in a test',
  'detector.proposals.test.after': 'and left',
  'detector.proposals.test.threshold': 'IoU above which the lower of two is dropped',
  'detector.proposals.test.minSize': 'pixels that their sides must exceed',
  'detector.pooler.output': 'rows and columns that a region is pooled to',
  'detector.pooler.scale': 'cells of the map over pixels',
  'detector.pooler.samplingRatio': 'samples of a bin along an axis; 0: as many as it has cells',
  'detector.pooler.aligned': 'half a cell is taken off',
  'detector.roi.threshold': 'IoU from which a region shows an object',
  'detector.roi.count': 'regions drawn of a picture',
  'detector.roi.positiveFraction': 'share of objects among them, at most',
  'detector.roi.coderWeights': 'what moves of boxes are multiplied by',
  'detector.detections.scoreThreshold': 'score that a detection must exceed',
  'detector.detections.nmsThreshold': 'IoU above which the lower of two of a class is dropped',
  'detector.detections.most': 'detections of a picture, at most',
  'detector.detections.coderWeights': 'what moves of boxes are divided by',
  channels: 'order of the channels',
  strideIn: 'convolution with the stride in first blocks',
  'pixels.mean': 'mean of pixels; that of the weights where empty',
  'pixels.std': 'and deviation',
  norm: 'norms: over one GPU, or over all',
  iterations: 'iterations',
  period: 'iterations of an epoch of the run',
  'warmup.iterations': 'iterations of linear warm-up',
  'warmup.factor': 'share of the rate that it begins with',
  steps: 'iterations from which on the rate is a tenth',
  'preciseNorms.batches': 'batches of precise batch norm',
  'preciseNorms.kind': 'how their statistics are joined',
  'judge.batch': 'pictures judged at a time',
  'judge.everyPeriods': 'periods between judgements; the last is always judged',
  'judge.untrained': 'whether the untrained state is judged',
};

const INTRO =
  'What each protocol does, in numbers. This page is made from the protocols themselves ' +
  '(`benchmarks/*.ts`) by `npx zx scripts/report.mjs`, and a test fails where it is not what they say. ' +
  'The first column of numbers is the protocol as the original has it, the last what it runs on without ' +
  'any file. Where ours departs from the original, the file of the protocol says so.';

const COMMANDS = [
  '```',
  'npx zx scripts/benchmark.mjs knn work_dirs/moco                        # drawn images, no file needed',
  'npx zx scripts/benchmark.mjs linear_last FILE.pth --data DIR           # the data sets of DIR that are known',
  'npx zx scripts/benchmark.mjs semi FILE.pth --data DIR --preset cifar10 --set benchmark.percent=10',
  '```',
].join('\n');

const RESULTS =
  'A run leaves `record.json`, as a training does ([records](../docs/records.md)), and `report.md` with its ' +
  'pictures: which classes are taken for which, how well each class is told, and, of protocols on frozen ' +
  'features, a map of them and the nearest training images of some test images. `npx zx ' +
  'scripts/report.mjs --add WORK_DIR` takes the record into the zoo.';

/** The page: every protocol with its numbers, for each data set that it knows. */
export function protocolsPage(benchmarks: Readonly<Record<string, BenchmarkDefinition>>): string {
  const known = Object.keys(TOLD).flatMap((kind) => benchmarks[kind] ?? []);
  const rows = known.map(({ kind, title }) => {
    const { trained = '', reported = '' } = TOLD[kind] ?? {};
    return [`[${title}](#${anchor(title)})`, `\`${kind}\``, trained, reported];
  });
  const blocks: Block[] = [
    { kind: 'text', text: INTRO },
    { kind: 'text', text: COMMANDS },
    { kind: 'text', text: RESULTS },
    { kind: 'table', head: ['protocol', 'name', 'what is trained', 'what is reported'], rows },
    ...known.flatMap(protocolBlocks),
  ];
  return `# Protocols in numbers\n\n${markdownOf(blocks).join('\n')}`;
}

/** As GitHub makes it of a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');
}

function protocolBlocks(definition: BenchmarkDefinition): Block[] {
  const { kind, title } = definition;
  const { section = '', text = '', code = `benchmarks/${kind}.ts`, sheet } = TOLD[kind] ?? {};
  const facts = sheet ?? 'docs/reference/benchmarks.md';
  const source = section === '' ? '' : ` The original: ${facts}, ${section}.`;
  const columns = Object.entries(columnsOf(definition));
  const fields = [...new Set(columns.flatMap(([, values]) => [...values.keys()]))];
  const rows = fields.map((field) => [
    MEANING[field] ?? '',
    `\`${field}\``,
    ...columns.map(([, values]) => values.get(field) ?? ''),
  ]);
  return [
    { kind: 'heading', level: 2, text: title },
    { kind: 'text', text: `${text}${source} In code: \`${code}\`.` },
    { kind: 'table', head: ['number', 'field', ...columns.map(([name]) => name)], rows },
  ];
}

/** The fields of a protocol's spec by data set, as text. */
export function columnsOf({
  schema,
  presets,
  drawn,
}: BenchmarkDefinition): Record<string, ReadonlyMap<string, string>> {
  const all = { ...presets, drawn: { spec: drawn } };
  return Object.fromEntries(
    Object.entries(all).map(([name, { spec }]) => [name, flat(schema.parse(spec))] as const),
  );
}

function flat(spec: unknown, path = ''): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(z.looseObject({}).parse(spec))) {
    const field = path === '' ? name : `${path}.${name}`;
    const inner = z.looseObject({}).safeParse(value).data;
    const source = inner !== undefined && ['data.train', 'data.test'].includes(field);
    if (inner !== undefined && !Array.isArray(value) && !source)
      for (const [deep, text] of flat(inner, field)) fields.set(deep, text);
    else fields.set(field, textOf(value));
  }
  return fields;
}

/** A value in a cell: lists with commas, sources and steps of a pipeline by their kind and numbers. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  const { kind, ...rest } = value as Record<string, unknown>;
  // Bilinear is what every protocol has, and says nothing.
  const said = Object.entries(rest).filter(([, one]) => one !== 'bilinear');
  const parts = said.map(([name, one]) =>
    Array.isArray(one) ? `${name} ${one.map(short).join('–')}` : `${name} ${short(one)}`,
  );
  const own = typeof kind === 'string' ? kind : '';
  return parts.length === 0 ? own : `${own} (${parts.join(', ')})`;
}

function short(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : textOf(value);
}
