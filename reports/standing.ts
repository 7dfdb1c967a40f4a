import { canonicalJson, type Sha256, UserError } from '../harness/base/index.ts';
import { parseBenchmark } from '../harness/benchmark/experiment.ts';
import type { Benchmarks } from '../harness/benchmark/registry.ts';
import { tracedBenchmarkGraph } from '../harness/benchmark/traced_graph.ts';
import { type DataShape, type Methods, parseExperiment } from '../harness/experiment/index.ts';
import { hashesOf } from '../harness/record/repair.ts';
import { tracedGraph } from '../harness/run/traced_graph.ts';
import { describedBenchmark } from './benchmark_rows.ts';
import { type Entry, isTraining } from './entries.ts';

/**
 * What a record is to today's code: a result of it, or made by another graph than the one it traces. A benchmark's graph
 * does not follow its weights, so it is no result of today's code either where the run of its weights is none, or
 * published others. Where it cannot be told, why.
 */
export type Standing =
  | { readonly kind: 'today' }
  | { readonly kind: 'earlier graph'; readonly today: Sha256 | undefined }
  | { readonly kind: 'earlier weights' }
  | { readonly kind: 'other weights' }
  | { readonly kind: 'unknown'; readonly why: string };

/** What pages say of a record that is no result of today's code. */
const SAID: Readonly<Partial<Record<Standing['kind'], string>>> = {
  'earlier graph': 'made by an earlier graph',
  'earlier weights': 'of weights made by an earlier graph',
  'other weights': 'of weights of another run',
};

/** What traces. */
export interface Code {
  readonly methods: Methods;
  readonly benchmarks: Benchmarks;
}

/** Images that shipped records are of, by the SHA-256 of their manifest, which alone does not say how many they are. */
const KNOWN: Readonly<Record<string, DataShape>> = {
  // The first two files of CIFAR-10.
  '12b949e004d81f1522244bc051e98e33f7a6cdd1ffb5f8ee6051bff6b09aed29': {
    samples: 20_000,
    classes: 10,
  },
};
/** For images of which nobody knows: an equal graph shows all the same that it is today's. */
const SOME: DataShape = { samples: 4096, classes: 10 };

/**
 * What each record is to today's code, by key: traces the step of every training and the passes of every benchmark,
 * once for those that differ in weights alone. Opens no data.
 */
export async function standingsOf(
  entries: readonly Entry[],
  code: Code,
): Promise<ReadonlyMap<string, Standing>> {
  const traced = new Map<string, Promise<Sha256>>();
  const found = new Map<string, Standing>();
  for (const entry of entries) found.set(entry.key, await standingOf(entry, code, traced));
  const trainings = new Map(
    entries.filter(isTraining).map((entry) => [entry.record.experimentId as string, entry]),
  );
  for (const entry of entries) {
    if (isTraining(entry) || found.get(entry.key)?.kind !== 'today') continue;
    const training = trainings.get(entry.record.environment.weightsExperiment ?? '');
    if (training === undefined) continue;
    if (isEarlier(found.get(training.key))) found.set(entry.key, { kind: 'earlier weights' });
    else if (hasOtherWeights(entry, training)) found.set(entry.key, { kind: 'other weights' });
  }
  return found;
}

/** Whether a record is no result of today's code. */
export function isEarlier(standing: Standing | undefined): boolean {
  return standing !== undefined && SAID[standing.kind] !== undefined;
}

/** Entries that know whether they are of today's code, for pages. */
export function withStandings(
  entries: readonly Entry[],
  standings: ReadonlyMap<string, Standing>,
): Entry[] {
  return entries.map((entry) => {
    const earlier = SAID[standings.get(entry.key)?.kind ?? 'today'];
    return earlier === undefined ? entry : { ...entry, earlier };
  });
}

async function standingOf(
  entry: Entry,
  code: Code,
  traced: Map<string, Promise<Sha256>>,
): Promise<Standing> {
  const { record } = entry;
  const read = readToday(entry, code);
  if (read === undefined) return { kind: 'earlier graph', today: undefined };
  const known = shapeOf(entry);
  const key = canonicalJson([read.key as never, { ...(known ?? SOME) } as never]);
  try {
    const graph = traced.get(key) ?? read.trace(known ?? SOME);
    traced.set(key, graph);
    const today = await graph;
    if (today === record.graph) return { kind: 'today' };
    if (known !== undefined) return { kind: 'earlier graph', today };
    return { kind: 'unknown', why: 'how many images it was made of is not known here' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind: 'unknown', why: error.message };
  }
}

interface ReadToday {
  /** Of all that decides the graph besides the images. */
  readonly key: object;
  trace(shape: DataShape): Promise<Sha256>;
}

/** The experiment of a record as today's code reads it; nothing where it cannot. */
function readToday(entry: Entry, { methods, benchmarks }: Code): ReadToday | undefined {
  const { experiment } = entry.record;
  try {
    if (isTraining(entry)) {
      const key = parseExperiment(experiment, methods);
      return { key, trace: (shape) => tracedGraph(key, methods, shape) };
    }
    const parsed = parseBenchmark(experiment, benchmarks);
    const key = { ...parsed, weights: parsed.weights.kind };
    return { key, trace: (shape) => tracedBenchmarkGraph(parsed, benchmarks, shape) };
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The images that a record is of, where they are known. */
function shapeOf(entry: Entry): DataShape | undefined {
  const { data, environment, experiment } = entry.record;
  const { train = '' } = hashesOf(data);
  const known = KNOWN[train];
  if (known !== undefined) return known;
  if (!isTraining(entry)) {
    const samples = /\btrain (\d+)/.exec(environment.images ?? '')?.[1];
    const { classes } = describedBenchmark(entry).benchmark;
    return samples === undefined
      ? undefined
      : { samples: Number(samples), classes: typeof classes === 'number' ? classes : undefined };
  }
  const { count, classes } = (experiment.data as { train: { count?: unknown; classes?: unknown } })
    .train;
  if (typeof count !== 'number') return undefined;
  return { samples: count, classes: typeof classes === 'number' ? classes : undefined };
}

/**
 * Whether a benchmark judged other weights than those of the run that the records have, as published file or as
 * checkpoint. A note that names no checkpoint shows nothing.
 */
function hasOtherWeights(entry: Entry, training: Entry): boolean {
  const { weights } = describedBenchmark(entry);
  const { sha256, checkpoint } = training.weights ?? {};
  if (weights.kind !== 'file' || checkpoint === undefined) return false;
  return weights.sha256 !== sha256 && weights.sha256 !== checkpoint;
}
