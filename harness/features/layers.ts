/** Where features are taken: the stem before its pool, then the four stages. */
export const LAYERS = ['feat1', 'feat2', 'feat3', 'feat4', 'feat5'] as const;
export type Layer = (typeof LAYERS)[number];

/**
 * How a layer's map becomes a row: `specified` and `adaptive` to about 9,000 values
 * (docs/reference/benchmarks.md, section 1), `average` to one value a channel.
 */
export type Pooling = 'specified' | 'adaptive' | 'average';

/** Features of one layer of all images of a set: on disk, float32 [N, D]. */
export interface LayerFeatures {
  readonly count: number;
  /** D. */
  readonly width: number;
  readonly sha256: string;
  /** Rows `first` to `first + count - 1`, so that no more is held than is asked for. */
  rows(first: number, count: number): Promise<Float32Array>;
}
