import { z } from 'zod';
import {
  averageNeck,
  classification,
  classifier,
  classWeights,
  clusterLabels,
  clusterMetrics,
  defineMethod,
  featureMonitors,
  type Host,
  hostArray,
  initialValue,
  kMeans,
  labelChange,
  lossWeights,
  neck,
  neckSpec,
  SOBEL_CHANNELS,
  scored,
  sobel,
  UserError,
  uniformOrder,
  viewSpec,
  whitened,
} from '../harness/experiment/kit.ts';

export const deepclusterSpec = z
  .strictObject({
    /** Edges instead of colours for the backbone. */
    sobel: z.boolean().default(true),
    /** Null: the average over pixels, nothing to learn. */
    neck: neckSpec.nullable().default(null),
    /** k. */
    clusters: z.int().min(2).default(10000),
    /** Principal components that are clustered; null: all features, scaled to length 1. */
    pca: z.int().positive().nullable().default(256),
    /** Moves of k-means. */
    iterations: z.int().positive().default(20),
    init: z.enum(['points', 'k-means++']).default('points'),
    /** Epochs between clusterings. */
    everyEpochs: z.int().positive().default(1),
    /** Draws an epoch uniformly over clusters, section 3.3; else over images. */
    uniform: z.boolean().default(true),
    /** Classes weigh (1 / images)^power in the loss; 0: all the same. */
    weightPower: z.number().nonnegative().default(0),
    /** Images at a time for the features, and how they are cut; by default as for evaluation. */
    extraction: z
      .strictObject({ batch: z.int().positive().default(128), pipeline: viewSpec.optional() })
      .readonly()
      .prefault({}),
  })
  .readonly();
export type DeepClusterSpec = z.output<typeof deepclusterSpec>;

/** Of a head that begins anew. */
const HEAD = { kind: 'normal', std: 0.01 } as const;
/** Added to the images of a class for its weight. */
const WEIGHT_EPSILON = 1e-10;

/**
 * DeepCluster, Caron et al. 2018, arXiv:1807.05520, Figure 1 and eq. 1 and 2: features of all images are
 * clustered, then a classifier learns the clusters, again and again. Departs as the original does: a
 * linear head in place of the paper's layers (docs/reference/methods.md, section 6).
 */
export const deepcluster = defineMethod<DeepClusterSpec>({
  kind: 'deepcluster',
  schema: deepclusterSpec,
  views: 1,
  chance: true,
  channels: (spec) => (spec.sobel ? SOBEL_CHANNELS.edges : SOBEL_CHANNELS.image),

  checkData({ clusters, pca }, { samples }) {
    for (const [path, value] of [
      ['clusters', clusters],
      ['pca', pca ?? 0],
    ] as const)
      if (value > samples)
        throw new UserError(
          `method.${path}: ${value}, but data.train has ${samples} images; use at most ${samples}`,
        );
  },

  warnings({ clusters, everyEpochs }, { samples, epochs }) {
    const warnings: string[] = [];
    if (2 * clusters > samples)
      warnings.push(
        `method.clusters: ${clusters} for ${samples} images: most clusters hold a single image; use at most ${Math.max(2, Math.floor(samples / 10))}`,
      );
    if (epochs > 1 && everyEpochs >= epochs)
      warnings.push(
        `method.everyEpochs: ${everyEpochs}, but the run has ${epochs}: only random features are ever clustered; use a smaller one`,
      );
    return warnings;
  },

  model(spec, backbone, { samples }) {
    const { clusters, extraction } = spec;
    const features = spec.neck?.out ?? backbone.channels;
    if (spec.pca !== null && spec.pca > features)
      throw new UserError(
        `method.pca: ${spec.pca}, but an image has ${features} features; use at most ${features}`,
      );
    const pool = spec.neck === null;
    return {
      networks: {
        ...(spec.sobel ? { sobel_layer: sobel } : {}),
        backbone: backbone.module,
        neck: spec.neck === null ? averageNeck : neck(spec.neck, backbone.channels),
        head: classifier({ inputs: features, classes: clusters, pool, initial: HEAD }),
      },
      backbone: 'backbone.',
      ...(spec.sobel ? { input: { network: 'sobel_layer', channels: SOBEL_CHANNELS.image } } : {}),
      features: {
        networks: [...(spec.sobel ? ['sobel_layer'] : []), 'backbone', 'neck'],
        ...extraction,
      },
      state: {
        pseudo_label: clusterLabels(samples),
        ...(spec.weightPower > 0 ? { loss_weight: classWeights(clusters) } : {}),
      },
    };
  },

  loss(spec, step) {
    const image = step.view(0);
    const seen = spec.sobel ? step.forward('sobel_layer', image) : image;
    const features = step.forward('neck', step.forward('backbone', seen));
    const logits = step.forward('head', features); // [N, k]
    const labels = step.bank('pseudo_label').rows(step.indices); // [N]
    const weights = spec.weightPower > 0 ? step.state('loss_weight') : undefined;
    return {
      ...scored(classification(logits, labels, weights)),
      metrics: featureMonitors(features),
    };
  },

  async beforeEpoch(spec, host, { epoch }) {
    if (epoch % spec.everyEpochs !== 0) return {};
    const { clusters, iterations, init, pca, weightPower } = spec;
    const { values, width } = await host.features();
    const white = await whitened(values, width, {
      dimensions: pca ?? undefined,
      threads: host.threads,
    });
    const found = await kMeans(white, pca ?? width, {
      clusters,
      iterations,
      init,
      threads: host.threads,
      stream: (purpose) => host.stream('k-means', epoch, purpose),
    });
    const change = epoch === 0 ? {} : labelChange(await labelsOf(host), found.labels);
    await host.write([
      ['pseudo_label', hostArray('int32', [host.samples], found.labels)],
      ...(await newHead(host, epoch)),
    ]);
    if (weightPower > 0) {
      const weights = lossWeights(found.sizes, weightPower, WEIGHT_EPSILON);
      await host.write([['loss_weight', hostArray('float32', [clusters], weights)]]);
    }
    const metrics = clusterMetrics(found.sizes);
    host.log.info(
      `clusters: ${metrics.clusters_empty} empty, ${metrics.clusters_smallest} to ` +
        `${metrics.clusters_largest} images, ${found.splits} split on the way`,
    );
    return { ...metrics, clusters_inertia: found.inertia / host.samples, ...change };
  },

  // The order of an epoch without a clustering is the usual one, as in the original.
  async order({ uniform, everyEpochs, clusters }, host, { epoch }) {
    if (!uniform || epoch % everyEpochs !== 0) return undefined;
    return uniformOrder(await labelsOf(host), clusters, host.stream('order', epoch));
  },
});

async function labelsOf(host: Host): Promise<Int32Array> {
  const [labels] = await host.read(['pseudo_label']);
  return Int32Array.from(labels?.data ?? [], Number);
}

/** Clusters have other numbers than before, so what the head has learnt is of no use. */
async function newHead(host: Host, epoch: number) {
  const names = ['head.fc_cls.weight', 'head.fc_cls.bias'] as const;
  const before = await host.read(names);
  return before.map(({ shape }, i) => {
    const name = names[i] ?? '';
    const initial = i === 0 ? HEAD : ({ kind: 'constant', value: 0 } as const);
    const spec = { shape, dtype: 'float32', initial, role: 'linear', trainable: true } as const;
    return [name, initialValue(spec, host.stream('head', epoch, name))] as const;
  });
}
