import { always, clock, sha256 } from '../base/index.ts';
import { type Count, knownCount } from '../data/known_sizes.ts';
import { useArithmetic } from '../engine/arithmetic.ts';
import { startEngine } from '../engine/index.ts';
import { Extractor, featureWeights, type Images } from '../features/extractor.ts';
import type { LayerUse } from '../features/layers.ts';
import { stream } from '../random/stream.ts';
import { type DryRun, type DryRunOptions, dryRun } from '../run/dry_run.ts';
import type { BoundFrozen, ImageUse } from './definition.ts';
import { type BenchmarkExperiment, definitionOf } from './experiment.ts';
import { weightsOf } from './given_weights.ts';
import type { BenchmarkOptions } from './options.ts';
import { usesOf } from './store.ts';
import { chosenCells, trainedExperiments } from './trained.ts';

const BATCHES = 3; // timed, after one that warms up

/** Images of a frozen protocol, and what would be computed of them. */
export interface DrySet {
  readonly set: string;
  readonly images: Count | undefined;
  readonly layers: readonly (LayerUse & { readonly width: number })[];
  /** Of the files of features; undefined where nobody knows how many images there are. */
  readonly bytes: number | undefined;
  readonly imagesPerSecond: number;
  /** Of the extraction, without reading the images. */
  readonly seconds: number | undefined;
}

/** What a benchmark would be, found out without its data. */
export type BenchmarkDryRun =
  | { readonly way: 'frozen'; readonly sets: readonly DrySet[]; readonly units: readonly string[] }
  | {
      readonly way: 'trained';
      readonly cells: readonly string[];
      readonly each: DryRun;
      /** Of a run, where that is known. */
      readonly steps: number | undefined;
      readonly replicas: number;
      /** Images of a step, of all replicas. */
      readonly stepImages: number;
    };

type Options = Pick<
  BenchmarkOptions,
  'experiment' | 'benchmarks' | 'weights' | 'data' | 'threads' | 'cells'
> &
  Pick<DryRunOptions, 'layout' | 'tell'>;

/** Builds the graphs of a benchmark and times them on noise; reads no image and writes nothing. */
export async function dryBenchmark(options: Options): Promise<BenchmarkDryRun> {
  const { experiment, benchmarks, data, threads = 0, tell = () => {} } = options;
  const definition = definitionOf(experiment.benchmark.kind, benchmarks);
  const bound = definition.bindBenchmark(experiment.benchmark);
  if (bound.way === 'frozen') return dryFrozen(options, bound);
  const all = trainedExperiments(experiment, bound);
  const cells = chosenCells(options, [...all.keys()]);
  const first = all.get(cells[0] ?? '');
  if (first === undefined) throw new Error('benchmark: no experiment');
  const methods = { [bound.method.kind]: bound.method };
  const { layout = {} } = options;
  const each = await dryRun({ experiment: first, methods, data, threads, layout, tell });
  const { epochs, replicas, batch } = first;
  const steps = each.stepsPerEpoch === undefined ? undefined : each.stepsPerEpoch * epochs;
  return { way: 'trained', cells, each, steps, replicas, stepImages: replicas * batch };
}

async function dryFrozen(options: Options, bound: BoundFrozen): Promise<BenchmarkDryRun> {
  const { experiment, tell = () => {} } = options;
  useArithmetic(experiment);
  await startEngine();
  const sets: DrySet[] = [];
  for (const [set, use] of Object.entries(bound.sets())) {
    const uses = usesOf(set, bound.features());
    tell(`${set}: running batches of noise`);
    sets.push(await drySet(options, set, use, uses));
  }
  return { way: 'frozen', sets, units: bound.units() };
}

async function drySet(
  options: Options,
  set: string,
  use: ImageUse,
  uses: readonly LayerUse[],
): Promise<DrySet> {
  const { experiment, data, threads = 0, weights } = options;
  const images = knownCount(use.source, data);
  if (uses.length === 0)
    return { set, images, layers: [], bytes: 0, imagesPerSecond: Number.NaN, seconds: 0 };
  const network = { backbone: experiment.backbone, sobel: experiment.sobel };
  const extractor = new Extractor(network, settingsOf(experiment, use.size), uses, threads);
  return always(
    async () => {
      const tensors = weightsOf({ experiment, weights, perturbation: undefined });
      await extractor.load(featureWeights(network, tensors));
      const rate = await timed(extractor, experiment, use.size);
      const layers = uses.map((one, i) => ({ ...one, width: extractor.widths[i] ?? 0 }));
      const width = layers.reduce((total, layer) => total + layer.width, 0);
      return {
        ...{ set, images, layers, imagesPerSecond: rate },
        bytes: images === undefined ? undefined : images.count * width * 4,
        seconds: images === undefined ? undefined : images.count / rate,
      };
    },
    () => extractor.dispose(),
  );
}

function settingsOf({ extraction, mean, std }: BenchmarkExperiment, size: number) {
  if (extraction === undefined)
    throw new Error('benchmark: a protocol that trains has no features');
  return { ...extraction, size, normalise: { mean, std } };
}

/** Images a second. */
async function timed(
  extractor: Extractor,
  { extraction, seed }: BenchmarkExperiment,
  size: number,
): Promise<number> {
  const { batch = 1 } = extraction ?? {};
  const draws = stream(seed, 'dry run');
  const noise = Uint8Array.from({ length: batch * size * size * 3 }, () => draws.int(0, 255));
  const images: Images = {
    count: batch * (BATCHES + 1),
    sha256: sha256(''),
    describe: (index) => `noise ${index}`,
    async *images() {
      for (let i = 0; i <= BATCHES; i++) yield { images: noise, count: batch, first: i * batch };
    },
  };
  const times: number[] = [];
  for await (const _ of extractor.rows(images)) times.push(clock.seconds());
  const [first = 0] = times;
  return (batch * BATCHES) / Math.max((times.at(-1) ?? first) - first, 1e-6);
}
