import { hostArray, zeros } from '../engine/array.ts';

/** State of a method: the cluster of each sample, int32 [samples], 0 at first. */
export function clusterLabels(samples: number) {
  const shape = [samples];
  const initial = () => zeros('int32', shape);
  return { dtype: 'int32', shape, initial, file: 'int64' } as const;
}

/** State of a method: the weight of each class in the loss, float32 [clusters], equal at first. */
export function classWeights(clusters: number) {
  const shape = [clusters];
  const initial = () => hostArray('float32', shape, new Float32Array(clusters).fill(1 / clusters));
  return { dtype: 'float32', shape, initial } as const;
}
