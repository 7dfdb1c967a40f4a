import { nearest, UserError } from '../base/index.ts';

/** Where features are taken: the stem before its pool, then the four stages. */
export const LAYERS = ['feat1', 'feat2', 'feat3', 'feat4', 'feat5'] as const;
export type Layer = (typeof LAYERS)[number];

/**
 * How a layer's map becomes a row: `specified` and `adaptive` to about 9,000 values
 * (docs/reference/benchmarks.md, section 1), `average` to one value a channel.
 */
export type Pooling = 'specified' | 'adaptive' | 'average';

/** One layer as it is asked for. */
export interface LayerUse {
  readonly layer: Layer;
  readonly pooling: Pooling;
}

/** Features of one layer of all images of a set: on disk, float32 [N, D]. */
export interface LayerFeatures {
  readonly count: number;
  /** D. */
  readonly width: number;
  readonly sha256: string;
  /** Rows `first` to `first + count - 1`, so that no more is held than is asked for. */
  rows(first: number, count: number): Promise<Float32Array>;
}

/** The place of a layer among the levels of a network, from 0. */
export function levelOf(layer: Layer): number {
  return LAYERS.indexOf(layer);
}

/**
 * FEAT_LIST of the original: layer names with blanks between them, in the order in which they are
 * worked on; nothing is `feat5`.
 * @throws UserError for a name that is none, and for one that stands there twice.
 * @example parseFeatList('feat4 feat5') // ['feat4', 'feat5']
 */
export function parseFeatList(text: string): readonly Layer[] {
  const names = text.split(/\s+/).filter((name) => name !== '');
  if (names.length === 0) return ['feat5'];
  const layers = names.map((name) => {
    const layer = LAYERS.find((one) => one === name);
    if (layer !== undefined) return layer;
    const near = nearest(name, LAYERS);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    throw new UserError(
      `layers: ${JSON.stringify(name)} is none, expected some of ${LAYERS.join(' ')} with blanks between${hint}`,
    );
  });
  const twice = layers.find((layer, i) => layers.indexOf(layer) < i);
  if (twice !== undefined)
    throw new UserError(`layers: ${twice} stands there twice; name each layer once`);
  return layers;
}
