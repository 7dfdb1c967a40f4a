import { z } from 'zod';
import {
  assigned,
  balancingWeights,
  classification,
  classifier,
  classWeights,
  clusterLabels,
  clusterMeans,
  clusterSizes,
  clusterSpread,
  defineMethod,
  type FeatureRows,
  featureMonitors,
  gather,
  type Host,
  hostArray,
  kMeans,
  l2Normalize,
  lookups,
  neck,
  neckSpec,
  onState,
  openMemory,
  type Purpose,
  type Refilled,
  refillSmall,
  remembered,
  replaceAt,
  SOBEL_CHANNELS,
  scored,
  secondHalf,
  sobel,
  tf,
  twoMeans,
  UserError,
  viewSpec,
  whitened,
  zeros,
} from '../harness/experiment/kit.ts';

export const odcSpec = z
  .strictObject({
    /** Edges instead of colours for the backbone. */
    sobel: z.literal(true).optional(),
    /** Its features are behind a ReLU, and the norm has neither scale nor shift. */
    neck: neckSpec.prefault({
      kind: 'layers',
      hidden: [512],
      out: 256,
      bias: true,
      norm: 'batch',
      normMomentum: 0.001,
      affine: false,
      lastNorm: false,
      lastRelu: true,
      dropout: 0.5,
    }),
    /** K. */
    clusters: z.int().min(2).default(10000),
    /** Share of the new feature in the samples memory. */
    memoryMomentum: z.number().min(0).max(1).default(0.5),
    /** Steps between updates of all centroids. */
    centroidsEvery: z.int().positive().default(10),
    /** Clusters with fewer samples are given up and filled from the largest. */
    minCluster: z.int().positive().default(20),
    /** Steps between looking for such clusters. */
    refillEvery: z.int().positive().default(1),
    /** Classes weigh (1 / samples)^power in the loss. */
    weightPower: z.number().nonnegative().default(0.5),
    /** Departs from the paper's nearest centroid as the authors' code does: the largest product. */
    assignment: z.enum(['product', 'nearest']).default('product'),
    /** k-means before the first epoch: moves of the centroids, and how they begin. */
    iterations: z.int().positive().default(20),
    init: z.enum(['points', 'k-means++']).default('points'),
    /** Images at a time for its features, and how they are cut; by default as for evaluation. */
    extraction: z
      .strictObject({ batch: z.int().positive().default(128), pipeline: viewSpec.optional() })
      .readonly()
      .prefault({}),
  })
  .readonly();
export type OdcSpec = z.output<typeof odcSpec>;

/** Keeps the weight of an empty cluster finite. */
const FLOOR = 1e-5;

/** Centroids become the means of their members. */
export const recentre = onState('recentre', (io) => {
  const [features, labels] = [io.read('feature_bank'), io.read('label_bank')];
  io.assign('centroids', clusterMeans(features, labels, io.read('centroids')));
  return {};
});

/** Classes get their weights in the loss from the sizes of clusters; says how these spread. */
export const census = onState('census', (io, { clusters, weightPower }: OdcSpec) => {
  const sizes = clusterSizes(io.read('label_bank'), clusters);
  io.assign('loss_weight', balancingWeights(sizes, weightPower, FLOOR));
  return clusterSpread(sizes);
});

/**
 * Section 3.3: members of clusters with fewer than `minimum` go to the best of the others, then each of
 * the emptied ones takes half of the largest, parted by 2-means. Weights are left to `census`.
 */
export async function refill(host: Host, minimum: number, ...purpose: Purpose): Promise<Refilled> {
  const memory = await openMemory(host);
  const halve = (features: FeatureRows, members: Int32Array, n: number) =>
    host.choose([...purpose, n], (stream) => secondHalf(members, twoMeans(features, stream)));
  const refilled = await refillSmall({ ...memory, halve }, minimum);
  await memory.save(refilled.centroids);
  return refilled;
}

/**
 * Online Deep Clustering, Zhan et al. 2020, arXiv:2006.10645, Figure 2: a classifier of cluster labels,
 * where features, labels and centroids live in memories that every step updates.
 */
export const odc = defineMethod<OdcSpec>({
  kind: 'odc',
  schema: odcSpec,
  views: 1,
  chance: true,
  channels: (spec) => (spec.sobel ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),
  entries: [recentre, census, ...lookups],

  checkData({ clusters, minCluster }, { samples }) {
    if (clusters > samples)
      throw new UserError(
        `method.clusters: ${clusters}, but data.train has ${samples} images; use at most ${samples}`,
      );
    if (clusters * minCluster > samples)
      throw new UserError(
        `method.minCluster: ${minCluster} samples in each of ${clusters} clusters, but data.train has ` +
          `${samples} images; use at most ${Math.floor(samples / clusters)}, or fewer clusters`,
      );
  },

  warnings({ centroidsEvery, refillEvery, memoryMomentum, clusters }, { steps, samples }) {
    const warnings: string[] = [];
    if (centroidsEvery > steps)
      warnings.push(
        `method.centroidsEvery: ${centroidsEvery}, but the run has ${steps} steps: the centroids never move; 10 is usual`,
      );
    if (refillEvery > steps)
      warnings.push(
        `method.refillEvery: ${refillEvery}, but the run has ${steps} steps: small clusters are never filled; 1 is usual`,
      );
    if (memoryMomentum === 0)
      warnings.push(
        'method.memoryMomentum: 0: the samples memory stays as it was before training; 0.5 is usual',
      );
    if (2 * clusters > samples)
      warnings.push(
        `method.clusters: ${clusters} for ${samples} images: most clusters hold a single image; use at most ${Math.max(2, Math.floor(samples / 10))}`,
      );
    return warnings;
  },

  model(spec, backbone, { samples }) {
    const { clusters } = spec;
    const { out } = spec.neck;
    const floats = (...shape: number[]) =>
      ({ dtype: 'float32', shape, initial: () => zeros('float32', shape) }) as const;
    const initial = { kind: 'normal', std: 0.01 } as const;
    return {
      networks: {
        ...(spec.sobel ? { sobel_layer: sobel } : {}),
        backbone: backbone.module,
        neck: neck(spec.neck, backbone.channels),
        head: classifier({ inputs: out, classes: clusters, initial }),
      },
      backbone: 'backbone.',
      ...(spec.sobel ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
      features: {
        networks: [...(spec.sobel ? ['sobel_layer'] : []), 'backbone', 'neck'],
        ...spec.extraction,
      },
      state: {
        feature_bank: floats(samples, out),
        label_bank: clusterLabels(samples),
        centroids: floats(clusters, out),
        loss_weight: classWeights(clusters),
      },
    };
  },

  *loss(spec, step) {
    const features = step.bank('feature_bank'); // [M, D]
    const labels = step.bank('label_bank'); // [M]

    const image = step.view(0);
    const seen = spec.sobel ? step.forward('sobel_layer', image) : image;
    const feature = step.forward('neck', step.forward('backbone', seen)); // [N, D]
    const logits = step.forward('head', feature);
    const own = labels.rows(step.indices); // as the memory has them
    const judged = classification(logits, own, step.state('loss_weight'));

    const at = yield* gather(step.indices); // [R N]
    const fresh = yield* gather(l2Normalize(feature));
    const rows = remembered(features.rows(at), fresh, spec.memoryMomentum); // F_i
    const next = assigned(rows, step.state('centroids'), spec.assignment);
    const changed = tf.mean(tf.cast(tf.notEqual(next, labels.rows(at)), 'float32'));
    return {
      ...scored(judged),
      state: { feature_bank: replaceAt(at, rows), label_bank: replaceAt(at, next) },
      metrics: { change_ratio: changed, ...featureMonitors(feature) },
    };
  },

  /**
   * Before the first epoch: k-means on unit features. Departs: a cluster that stays empty is filled from
   * the largest, where the original gives up.
   */
  async beforeEpoch({ clusters, iterations, init }, host, { epoch }) {
    if (epoch > 0) return {};
    const { values, width } = await host.features();
    const unit = await whitened(values, width, { dimensions: undefined, threads: host.threads });
    const stream = (purpose: string) => host.stream('k-means', purpose);
    const found = await kMeans(unit, width, {
      clusters,
      iterations,
      init,
      stream,
      threads: host.threads,
    });
    await host.write([
      ['feature_bank', hostArray('float32', [host.samples, width], unit)],
      ['label_bank', hostArray('int32', [host.samples], found.labels)],
    ]);
    await host.run(recentre);
    await refill(host, 1, 'first split');
    await host.run(census);
    host.log.info(
      `clusters: ${found.empty} of ${clusters} empty after k-means, filled from the largest`,
    );
    return { kmeans_empty: found.empty, kmeans_inertia: found.inertia / host.samples };
  },

  async afterStep(spec, host, { step }) {
    const due = (every: number) => (step + 1) % every === 0;
    if (due(spec.centroidsEvery)) await host.run(recentre);
    let found = await host.run(census); // loss weights too
    let refilled = 0;
    if (due(spec.refillEvery) && Number(found.clusters_smallest?.data[0]) < spec.minCluster) {
      refilled = (await refill(host, spec.minCluster, 'split', step)).small.length;
      found = await host.run(census);
    }
    const spread = Object.entries(found).map(([name, { data }]) => [name, Number(data[0])]);
    return { clusters_refilled: refilled, ...Object.fromEntries(spread) };
  },
});
