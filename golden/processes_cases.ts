import { tiny } from './tiny.ts';

const layers = { kind: 'layers', hidden: [32], out: 16 } as const;

const base = {
  backbone: tiny.backbone,
  data: tiny.data,
  batch: 4,
  epochs: 2,
  optimizer: { ...tiny.optimizer, momentum: 0.9 },
  schedule: { kind: 'cosine' },
};

const oneView = { ...base.data, pipelines: tiny.data.pipelines.slice(0, 1) };

/** A few steps of every method, of a kind that uses what it exchanges. */
const cases: Readonly<Record<string, object>> = {
  moco: {
    ...base,
    method: { ...tiny.method, queue: 96 }, // whole steps of 2, 4, 6 and 8 replicas
    evaluation: {
      ...tiny.evaluation,
      train: { ...tiny.evaluation.train, count: 60 },
      test: { ...tiny.evaluation.test, count: 33 },
      batch: 8,
    },
  },
  simclr: {
    ...base,
    backbone: { ...base.backbone, norm: 'sync' },
    method: { kind: 'simclr', neck: layers },
    optimizer: { kind: 'lars', lr: 0.3, weightDecay: 1e-4 },
  },
  byol: {
    ...base,
    method: { kind: 'byol', neck: layers, predictor: layers },
  },
  barlow_twins: { ...base, method: { kind: 'barlow_twins', neck: layers } },
  npid: {
    ...base,
    data: oneView,
    method: { kind: 'npid', neck: { kind: 'linear', out: 16 }, negatives: 32 },
  },
  odc: {
    ...base,
    data: { ...oneView, replacement: true },
    method: {
      kind: 'odc',
      neck: { ...layers, lastRelu: true, dropout: 0.5 },
      clusters: 6,
      minCluster: 2,
      centroidsEvery: 3,
    },
  },
  deepcluster: {
    ...base,
    backbone: { ...base.backbone, channels: 2 },
    data: { ...oneView, replacement: true },
    method: { kind: 'deepcluster', sobel: true, neck: null, clusters: 6, pca: 8 },
  },
  rotation: { ...base, data: oneView, method: { kind: 'rotation' } },
  supervised: {
    ...base,
    data: oneView,
    accumulate: 2,
    method: { kind: 'supervised', classes: 10 },
    evaluation: {
      test: { ...tiny.evaluation.test, count: 33 },
      classify: { everyEpochs: 1 },
    },
  },
  relative_loc: {
    ...base,
    data: {
      ...base.data,
      pipelines: [
        [
          { kind: 'resize', size: 33 },
          { kind: 'patches', grid: 3, jitter: 3 },
        ],
      ],
      size: 8,
    },
    method: { kind: 'relative_loc', neck: { kind: 'layers', hidden: [], out: 32 } },
  },
};

/** Them with so many replicas of four images, by name. */
export function smallOnes(replicas: number, changes: object = {}): Map<string, object> {
  return new Map(
    Object.entries(cases).map(([name, one]) => [
      name,
      { ...one, ...changes, name: `processes/${name}`, replicas },
    ]),
  );
}
