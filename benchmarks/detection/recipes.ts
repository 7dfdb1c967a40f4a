/** The original's configurations, docs/reference/detection.md, sections 1 to 3, 12 and 13, by the names of their files. */

const voc = {
  data: {
    train: {
      kind: 'vocObjects',
      splits: [
        { year: 2007, split: 'trainval' },
        { year: 2012, split: 'trainval' },
      ],
    },
    test: { kind: 'vocObjects', splits: [{ year: 2007, split: 'test' }] },
    shortEdges: [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800],
  },
  scoring: 'voc07',
  classes: 20,
  iterations: 24_000,
  warmup: { iterations: 100 },
  steps: [18_000, 22_000],
} as const;

const coco = {
  data: {
    train: { kind: 'cocoObjects', part: 'train2017' },
    test: { kind: 'cocoObjects', part: 'val2017' },
    shortEdges: [640, 672, 704, 736, 768, 800],
  },
  scoring: 'coco',
  classes: 80,
  detector: { mask: {} },
  warmup: { iterations: 1000 },
} as const;

const cocoOnce = { ...coco, iterations: 90_000, steps: [60_000, 80_000] } as const;
const cocoTwice = { ...coco, iterations: 180_000, steps: [120_000, 160_000] } as const;

/** For networks of Caffe's kind: blue first, not divided by a deviation, the stride in the 1x1 convolution. */
const caffe = {
  channels: 'bgr',
  strideIn: '1x1',
  pixels: { mean: [123.675 / 255, 116.28 / 255, 103.53 / 255], std: [1 / 255, 1 / 255, 1 / 255] },
} as const;

const shorter = { longest: 1200 } as const;

const VOC = ['VOCdevkit/VOC2007/Annotations', 'VOCdevkit/VOC2012/Annotations'];
const COCO = [
  'coco/annotations/instances_train2017.json',
  'coco/annotations/instances_val2017.json',
];

/**
 * Trained and judged on the same few pictures, from a narrow network and within an hour on two cores: shows that a detector
 * learns at all. Its numbers say nothing of weights beyond that, so it is taken by its name alone.
 */
const overfit = {
  replicas: 1,
  batch: 4,
  norm: 'batch',
  period: 100,
  warmup: { iterations: 100 },
  preciseNorms: { batches: 32, kind: 'pooled' },
  logEvery: 10,
} as const;

const smallSides = { shortEdges: [240], longest: 400, testShort: 240, testLongest: 400 } as const;

function smallDetector(sizes: readonly number[]) {
  return {
    anchors: { sizes },
    rpn: { count: 128 },
    proposals: { train: { before: 2000, after: 500 }, test: { before: 1000, after: 300 } },
    roi: { count: 32 },
  };
}

const vocSubset = { kind: 'vocObjects', splits: [{ year: 2007, split: 'trainval' }] } as const;
const cocoSubset = { kind: 'cocoObjects', part: 'val2017' } as const;

/** The first whose files are there is taken where none is named. Those for weights of PyTorch are called `_moco`. */
export const recipes = {
  voc_c4_24k_moco: { needs: VOC, spec: voc },
  voc_c4_24k: { needs: VOC, spec: { ...voc, ...caffe } },
  coco_c4_2x_moco: {
    needs: COCO,
    spec: { ...cocoTwice, data: { ...cocoTwice.data, ...shorter } },
  },
  coco_c4_2x: { needs: COCO, spec: { ...cocoTwice, ...caffe } },
  coco_c4_1x_moco: { needs: COCO, spec: { ...cocoOnce, data: { ...cocoOnce.data, ...shorter } } },
  coco_c4_1x: { needs: COCO, spec: { ...cocoOnce, ...caffe } },
  voc_overfit: {
    needs: VOC.slice(0, 1),
    onlyByName: true,
    spec: {
      ...overfit,
      data: { train: vocSubset, test: vocSubset, ...smallSides },
      scoring: 'voc07',
      classes: 20,
      iterations: 1200,
      steps: [900],
      judge: { everyPeriods: 3 },
      detector: smallDetector([16, 32, 64, 128, 256]),
    },
  },
  coco_overfit: {
    needs: COCO.slice(1),
    onlyByName: true,
    spec: {
      ...overfit,
      data: { train: cocoSubset, test: cocoSubset, ...smallSides, flip: 0 },
      scoring: 'coco',
      classes: 80,
      iterations: 3600,
      steps: [2700, 3300],
      judge: { everyPeriods: 9 },
      detector: {
        ...smallDetector([12, 24, 48, 96, 192]),
        // Objects are small and seven a picture: more regions of fewer cells, as many of them objects as not.
        pooler: { output: 8 },
        roi: { count: 64, positiveFraction: 0.5 },
        mask: { channels: 64 },
      },
    },
  },
} as const;

/** Shapes drawn from a seed, a narrow network, and as many steps as show that it learns: AP50 from 0 to about 40. */
export const drawn = {
  data: {
    train: { kind: 'drawnObjects', count: 400, sides: [112, 144], most: 3 },
    test: { kind: 'drawnObjects', count: 60, sides: [112, 144], most: 3, split: 'test' },
    shortEdges: [96, 112, 128],
    longest: 176,
    testShort: 112,
    testLongest: 176,
    most: 8,
  },
  scoring: 'coco',
  classes: 3,
  replicas: 1,
  batch: 8,
  iterations: 360,
  period: 90,
  lr: 0.04,
  warmup: { iterations: 50 },
  steps: [270],
  preciseNorms: { batches: 20, kind: 'pooled' },
  judge: { untrained: true },
  logEvery: 10,
  detector: {
    anchors: { sizes: [24, 48, 96] },
    rpn: { count: 64 },
    proposals: { train: { before: 400, after: 100 }, test: { before: 400, after: 50 } },
    roi: { count: 32 },
  },
} as const;
