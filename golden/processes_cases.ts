const plainView = [{ kind: 'randomResizedCrop', scale: [0.3, 1] }, { kind: 'flip' }];
const layers = { kind: 'layers', hidden: [32], out: 16 } as const;

const base = {
  backbone: { depth: 18, width: 1 / 16, stem: 'cifar' },
  data: {
    train: { kind: 'generated', count: 64, size: 16 },
    pipelines: [plainView, plainView],
    size: 16,
    dropLast: true,
  },
  batch: 4,
  epochs: 2,
  optimizer: { kind: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 1e-4 },
  schedule: { kind: 'cosine' },
};

const oneView = { ...base.data, pipelines: [plainView] };

/** A few steps of every method, of a kind that uses what it exchanges. */
const cases: Readonly<Record<string, object>> = {
  moco: {
    ...base,
    method: { kind: 'moco', neck: { kind: 'mlp', hidden: 32, out: 16 }, queue: 64 },
    evaluation: {
      train: { kind: 'generated', count: 60, size: 16 },
      test: { kind: 'generated', count: 33, size: 16, split: 'test' },
      knn: { k: 5, everyEpochs: 1 },
      linear: { epochs: 2, batch: 16 },
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
      test: { kind: 'generated', count: 33, size: 16, split: 'test' },
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
