/** All that protocols are written with; `harness/benchmark/definition.ts` says what there is to write. */
export { breath, UserError } from '../base/index.ts';
export { defaultPipeline } from '../data/default_pipeline.ts';
export { sourceSpec, viewSpec } from '../data/spec.ts';
export { type HostArray, hostArray } from '../engine/array.ts';
export type { Metrics } from '../experiment/index.ts';
export { LAYERS, type Layer, type LayerFeatures, type Pooling } from '../features/layers.ts';
export {
  type Bench,
  type BenchSet,
  type Drawing,
  defineBenchmark,
  type FeatureUse,
  type ImageUse,
  type Judged,
  type Preset,
  type Target,
  UnsuitedWeights,
} from './definition.ts';
