/** What methods are written with, from all rooms below: one import, and one list to look through. */
export { UserError } from '../base/errors.ts';
export { gather, meanOverReplicas, once, permute } from '../cluster/replicas.ts';
export { kMeans } from '../clustering/kmeans.ts';
export { clusterMetrics, labelChange, lossWeights, uniformOrder } from '../clustering/labels.ts';
export {
  assigned,
  balancingWeights,
  clusterMeans,
  clusterSizes,
  clusterSpread,
} from '../clustering/members.ts';
export { whitened } from '../clustering/pca.ts';
export { type Refilled, refillSmall } from '../clustering/refill.ts';
export { lookups, openMemory } from '../clustering/sample_memory.ts';
export { classWeights, clusterLabels } from '../clustering/state.ts';
export { type FeatureRows, secondHalf, twoMeans } from '../clustering/two_means.ts';
export { viewSpec } from '../data/spec.ts';
export { hostArray, zeros } from '../engine/array.ts';
export { scaledGradient } from '../engine/gradient.ts';
export { uniformIntegers } from '../engine/ops/draws.ts';
export { inverse, rows } from '../engine/ops/indexing.ts';
export { l2Normalize } from '../engine/ops/normalization.ts';
export { onState } from '../engine/state_entry.ts';
export { type Tensor, tf } from '../engine/tf.ts';
export { remembered } from '../nn/bank.ts';
export { contrastWithBank } from '../nn/contrast.ts';
export { follow } from '../nn/follow.ts';
export { classification, classifier, scored } from '../nn/heads.ts';
export { initialValue, unitRows } from '../nn/initialise.ts';
export { linear } from '../nn/layers.ts';
export { levelRows, pooledWidth } from '../nn/levels.ts';
export { composed, frozen, type Initial, sequential } from '../nn/module.ts';
export { featureMonitors, monitors } from '../nn/monitors.ts';
export { rowHeads } from '../nn/multi_head.ts';
export { averageNeck, neck, neckSpec } from '../nn/necks.ts';
export { contrastPairs } from '../nn/pairs.ts';
export { contrastWithDrawn } from '../nn/sampled.ts';
export { SOBEL_CHANNELS, sobel } from '../nn/sobel.ts';
export { temperatureWarnings } from '../nn/temperature.ts';
export { targetMomentum } from '../optim/target_momentum.ts';
export { checkClassCount } from './class_count.ts';
export type { Host, Purpose } from './host.ts';
export { defineMethod, replaceAt, replaceRows, type Step } from './method.ts';
