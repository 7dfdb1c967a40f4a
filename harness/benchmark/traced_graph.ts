import { type Sha256, sha256Json } from '../base/index.ts';
import { startEngine } from '../engine/index.ts';
import type { DataShape } from '../experiment/index.ts';
import { Extractor } from '../features/extractor.ts';
import { tracedGraph } from '../run/traced_graph.ts';
import type { BoundFrozen, ImageUse } from './definition.ts';
import { type BenchmarkExperiment, definitionOf } from './experiment.ts';
import type { Benchmarks } from './registry.ts';
import { usesOf } from './store.ts';
import { trainedExperiments } from './trained.ts';

/**
 * SHA-256 of what today's code traces for a benchmark, as in its record (`graph`): the passes over images of a frozen
 * protocol, the steps of one that trains. Neither data nor weights are opened.
 * @param shape of the images that a protocol trains on
 */
export async function tracedBenchmarkGraph(
  experiment: BenchmarkExperiment,
  benchmarks: Benchmarks,
  shape: DataShape,
): Promise<Sha256> {
  const { benchmark } = experiment;
  const bound = definitionOf(benchmark.kind, benchmarks).bindBenchmark(benchmark);
  await startEngine();
  if (bound.way === 'frozen') return sha256Json([featureGraph(experiment, bound), benchmark]);
  const methods = { [bound.method.kind]: bound.method };
  const graphs: Sha256[] = [];
  for (const cell of trainedExperiments(experiment, bound).values())
    graphs.push(await tracedGraph(cell, methods, shape));
  return sha256Json([benchmark, ...graphs]);
}

/** As a feature store has it: one graph a set, none where nothing is asked of a set. */
function featureGraph(experiment: BenchmarkExperiment, bound: BoundFrozen): Sha256 {
  const graphs = Object.entries(bound.sets()).map(
    ([set, use]) => [set, setGraph(experiment, bound, set, use)] as const,
  );
  return sha256Json(Object.fromEntries(graphs));
}

function setGraph(
  { backbone, sobel, extraction, mean, std }: BenchmarkExperiment,
  bound: BoundFrozen,
  set: string,
  { size }: ImageUse,
): Sha256 | null {
  const uses = usesOf(set, bound.features());
  if (uses.length === 0) return null;
  if (extraction === undefined)
    throw new Error('benchmark: a protocol that trains has no features');
  const settings = { ...extraction, size, normalise: { mean, std } };
  const extractor = new Extractor({ backbone, sobel }, settings, uses, 0);
  try {
    return extractor.graph;
  } finally {
    extractor.dispose();
  }
}
