import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { benchmarks } from '../../benchmarks/index.ts';
import { UserError } from '../../harness/base/index.ts';
import type {
  BenchmarkDefinition,
  BoundBenchmark,
  Preset,
} from '../../harness/benchmark/definition.ts';
import { SMALL } from '../../harness/benchmark/drawn.ts';
import { type BenchmarkDryRun, dryBenchmark } from '../../harness/benchmark/dry_run.ts';
import { type BenchmarkExperiment, parseBenchmark } from '../../harness/benchmark/experiment.ts';
import type { BenchmarkResult } from '../../harness/benchmark/options.ts';
import { benchmarkNamed } from '../../harness/benchmark/registry.ts';
import { runBenchmark } from '../../harness/benchmark/run.ts';
import { trainedExperiments } from '../../harness/benchmark/trained.ts';
import { labelOf, type OpenedWeights, openTarget } from '../../harness/benchmark/weights.ts';
import { override } from '../../harness/experiment/index.ts';
import { onInterrupt } from '../../harness/run/interrupt.ts';
import { writeBenchmarkReport } from '../../reports/benchmark_report.ts';
import { inShares, isShared, type Shared } from './benchmark_processes.ts';
import type { OptionsOf } from './option.ts';
import { prefixOption, processOptions, setOption } from './shared_options.ts';

/** Options of `scripts/benchmark.mjs`. */
export const benchmarkOptions = {
  data: { kind: 'text', value: 'DIR', help: 'folder of data sets (default: drawn images)' },
  preset: { kind: 'text', value: 'NAME', help: 'which data set of DIR (default: found)' },
  work_dir: {
    kind: 'text',
    value: 'DIR',
    help: 'outputs (default: work_dirs/benchmarks/NAME-DATA/WEIGHTS)',
  },
  epoch: { kind: 'int', value: 'N', min: 0, help: 'of a work directory (default: the newest)' },
  prefix: prefixOption,
  set: setOption,
  resume_from: { kind: 'text', value: 'auto', help: 'go on with what the work directory has' },
  cells: { kind: 'list', value: 'NAME', help: 'of a grid: run this one; may be repeated' },
  dry_run: { kind: 'flag', help: 'say what would be computed, compute nothing' },
  workers: { kind: 'int', value: 'N', min: 0, help: 'threads that prepare data' },
  threads: { kind: 'int', value: 'N', min: 1, help: 'threads that compute (default: all cores)' },
  ...processOptions,
} as const;
type Options = OptionsOf<typeof benchmarkOptions>;
/** A command line of `scripts/benchmark.mjs`. */
export type BenchmarkLine = Options;

/** A benchmark that is ready to run. */
export interface Asked {
  readonly experiment: BenchmarkExperiment;
  readonly weights: OpenedWeights | undefined;
  readonly workDir: string;
  /** Where features are kept, when not in `workDir`. */
  readonly features?: string;
}

/** The weights of a command line; undefined for `random`. @throws UserError */
export async function weightsNamed(
  name: string,
  { epoch, prefix }: Pick<Options, 'epoch' | 'prefix'>,
): Promise<OpenedWeights | undefined> {
  if (name !== 'random') return openTarget(name, { epoch, prefix });
  for (const [option, value] of Object.entries({ epoch, prefix }))
    if (value !== undefined)
      throw new UserError(`--${option} ${value} says what to take of a file, and these are random`);
  return undefined;
}

/** What a command line asks for. @throws UserError where it is not known, or its data are not there. */
export function askedFor(
  kind: string,
  weights: OpenedWeights | undefined,
  options: Pick<Options, 'data' | 'preset' | 'set' | 'work_dir'>,
): Asked {
  const definition = benchmarkNamed(kind, benchmarks);
  const { recipe: preset = options.preset, set } = recipeIn(options.set);
  const { name: data, spec } = dataOf(definition, { data: options.data, preset });
  const value = {
    name: `${kind}-${data}`,
    benchmark: { kind, ...spec },
    weights:
      weights === undefined
        ? { kind: 'random' }
        : { kind: 'file', sha256: weights.sha256, prefix: weights.prefix },
    backbone:
      weights?.backbone ?? (data === 'drawn' ? (definition.drawnBackbone ?? SMALL) : { depth: 50 }),
    ...(weights === undefined ? {} : { sobel: weights.sobel }),
    ...(weights?.mean === undefined ? {} : { mean: weights.mean, std: weights.std }),
  };
  const experiment = parseBenchmark(override(value, set), benchmarks);
  const label = weights === undefined ? 'random' : labelOf(weights);
  const workDir = options.work_dir ?? join('work_dirs', 'benchmarks', experiment.name, label);
  return { experiment, weights, workDir };
}

const RECIPE = 'recipe=';

/** `--set recipe=NAME` says the same as `--preset NAME`; the last one wins. */
function recipeIn(settings: readonly string[]) {
  const recipe = settings.findLast((one) => one.startsWith(RECIPE))?.slice(RECIPE.length);
  return { recipe, set: settings.filter((one) => !one.startsWith(RECIPE)) };
}

interface Chosen {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

function dataOf(
  { kind, drawn, presets }: BenchmarkDefinition,
  { data, preset }: Pick<Options, 'data' | 'preset'>,
): Chosen {
  if (preset === 'drawn') return { name: 'drawn', spec: drawn };
  if (data === undefined && preset !== undefined)
    throw new UserError(`--preset ${preset}: say with --data DIR where it lies`);
  if (data === undefined) return { name: 'drawn', spec: drawn };
  const known = Object.entries(presets);
  if (preset !== undefined) {
    const found = known.find(([name]) => name === preset)?.[1];
    if (found !== undefined) return { name: preset, spec: found.spec };
    const names = known.map(([name]) => name).join(', ');
    throw new UserError(`--preset ${preset}: ${kind} knows ${names === '' ? 'none' : names}`);
  }
  const there = known.find(([, one]) => !one.onlyByName && missingOf(one, data).length === 0);
  if (there !== undefined) return { name: there[0], spec: there[1].spec };
  throw new UserError(`${kind}: ${data} has none of its data: ${absentText(presets, data)}`);
}

function missingOf({ needs }: Preset, data: string): string[] {
  return needs.filter((path) => !existsSync(resolve(data, path)));
}

function absentText(presets: BenchmarkDefinition['presets'], data: string): string {
  return Object.entries(presets)
    .filter(([, one]) => !one.onlyByName)
    .map(([name, one]) => `${name} (${missingOf(one, data).join(', ')} is not there)`)
    .join('; ');
}

/** Names of the units, or of the runs of a protocol that trains. */
function partsOf(asked: Asked): readonly string[] {
  const bound = boundOf(asked);
  if (bound.way === 'frozen') return bound.units();
  return [...trainedExperiments(asked.experiment, bound).keys()];
}

function boundOf({ experiment: { benchmark } }: Asked): BoundBenchmark {
  return benchmarkNamed(benchmark.kind, benchmarks).bindBenchmark(benchmark);
}

/** What one would be; nothing is written. */
export function dryRunOf(
  asked: Asked,
  options: Pick<Options, 'data' | 'threads' | 'cells' | 'processes' | 'sequential'>,
  tell: (line: string) => void,
): Promise<BenchmarkDryRun> {
  const { data = '.', threads, cells, processes = 1, sequential } = options;
  const chosen = cells.length === 0 ? undefined : cells;
  const layout = { processes, sequential };
  return dryBenchmark({ ...asked, benchmarks, data, threads, cells: chosen, layout, tell });
}

interface Ran {
  /** None in processes that do not write the run's files. */
  readonly result: BenchmarkResult | undefined;
  /** The exit code. */
  readonly code: number;
}

/**
 * Runs one, until it is finished or somebody presses Ctrl-C.
 * @param shares whether and how several processes share its training
 */
export async function benchmarkInterruptibly(
  asked: Asked,
  options: Pick<Options, 'data' | 'resume_from' | 'cells' | 'workers' | 'threads'>,
  shares?: OptionsOf<typeof processOptions>,
): Promise<Ran> {
  const { data = '.', resume_from: resumeFrom, cells, workers, threads } = options;
  const bound = boundOf(asked);
  const sequential = shares?.sequential;
  const shared = shares !== undefined && isShared(shares) ? shares : undefined;
  if (bound.way === 'frozen' && (shared !== undefined || sequential))
    throw new UserError(
      '--processes, --sequential: are for protocols that train, not for this one',
    );
  const doing = 'stopping; what is finished stays';
  const interruption = onInterrupt((message) => process.stderr.write(`\n${message}\n`), doing);
  let result: BenchmarkResult | undefined;
  const run = async (part: Shared): Promise<number> => {
    const { signal = interruption.signal } = part;
    result = await runBenchmark({
      ...asked,
      ...{ benchmarks, data, resumeFrom, workers, threads, sequential, ...part, signal },
      pictures: true,
      cells: cells.length === 0 ? undefined : cells,
    });
    const { record, workDir, finished, pages } = result;
    if (finished) await writeBenchmarkReport(workDir, record, partsOf(asked), pages);
    return result.finished || !signal.aborted ? 0 : interruption.code();
  };
  try {
    if (bound.way === 'frozen' || shared === undefined) return { code: await run({}), result };
    const all = trainedExperiments(asked.experiment, bound);
    const chosen = new Map([...all].filter(([cell]) => cells.length === 0 || cells.includes(cell)));
    const member = { ...shared, data, workers, threads };
    const code = await inShares(chosen, bound, member, interruption, run);
    return { code, result };
  } catch (error) {
    const { signal } = interruption;
    if (!signal.aborted || error !== signal.reason) throw error;
    return { result: undefined, code: interruption.code() };
  } finally {
    interruption.dispose();
  }
}
