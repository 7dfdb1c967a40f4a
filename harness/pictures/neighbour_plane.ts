import { UMAP } from 'umap-js';
import { breath } from '../base/breath.ts';
import { nearestRows } from '../evaluation/nearest_rows.ts';
import { inMemory } from '../evaluation/row_source.ts';
import { stream } from '../random/stream.ts';
import type { Plane } from './plane.ts';

export interface NeighbourPlaneOptions {
  readonly seed: number;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const NEIGHBOURS = 15;
const EPOCHS = 300;
const MIN_DIST = 0.1;
/** Half the side of the square in which points begin. */
const SPREAD = 10;

/** Fewer points have no map of neighbours. */
export const FEWEST = NEIGHBOURS + 1;

/**
 * UMAP, McInnes et al. 2018, arXiv:1802.03426: points near each other where rows have much the same
 * direction. Neighbours are exact, of the engine; points begin on the plane of largest variance, which keeps
 * far groups where they are, and draws come from the seed. The library uses `Math.exp` and `Math.pow`,
 * so equal bytes are promised for one version of Node alone.
 * @param values float32 [N, width], N at least `FEWEST`
 * @returns float64 [N, 2]
 */
export async function neighbourPlane(
  values: Float32Array,
  width: number,
  begin: Plane,
  { seed, threads = 0, signal }: NeighbourPlaneOptions,
): Promise<Float64Array> {
  const rows = inMemory({ features: values, width });
  const near = await nearestRows(rows, rows, { k: NEIGHBOURS, threads, signal });
  const draws = stream(seed, 'neighbour plane');
  const umap = new UMAP({
    nNeighbors: NEIGHBOURS,
    nEpochs: EPOCHS,
    minDist: MIN_DIST,
    random: () => draws.uniform(),
  });
  const count = values.length / width;
  const each = <T>(of: (at: number) => T): T[][] =>
    Array.from({ length: count }, (_, i) =>
      Array.from({ length: NEIGHBOURS }, (_, rank) => of(i * NEIGHBOURS + rank)),
    );
  umap.setPrecomputedKNN(
    each((at) => near.indices[at] ?? 0),
    each((at) => Math.max(0, 1 - (near.similarities[at] ?? 0))),
  );
  // The library looks at no value of rows whose neighbours it is given.
  const epochs = umap.initializeFit(Array.from({ length: count }, () => [0]));
  place(umap.getEmbedding(), begin.points);
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (epoch % 10 === 0) await breath(signal);
    umap.step();
  }
  return Float64Array.from(umap.getEmbedding().flat());
}

/** Moves the points, in place, to where they lie on a plane, brought to the square of the beginning. */
function place(points: readonly number[][], plane: Float64Array): void {
  const most = plane.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  if (most === 0) return;
  for (const [i, point] of points.entries())
    for (const axis of [0, 1]) {
      const drawn = (point[axis] ?? 0) * 1e-3; // equal rows must not begin on one spot
      point[axis] = ((plane[i * 2 + axis] ?? 0) * SPREAD) / most + drawn;
    }
}
