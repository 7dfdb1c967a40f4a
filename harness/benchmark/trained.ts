import { join } from 'node:path';
import { always, kindOfPath, type Lock, Sha256, sha256Json, UserError } from '../base/index.ts';
import { useArithmetic } from '../engine/arithmetic.ts';
import { startEngine } from '../engine/index.ts';
import {
  type Experiment,
  type ExperimentInput,
  type Metrics,
  parseExperiment,
} from '../experiment/index.ts';
import { metricsOf } from '../record/entries.ts';
import { History } from '../record/history.ts';
import { type Computed, together } from '../record/numerics.ts';
import { Provenance, provenanceOf } from '../record/provenance.ts';
import { type RunRecord, readRecord } from '../record/record.ts';
import { hashesOf } from '../record/repair.ts';
import { type TrainResult, train } from '../run/trainer.ts';
import { openWorkDir } from '../run/work_dir.ts';
import { stateHash } from '../weights/checkpoint.ts';
import type { BoundTrained } from './definition.ts';
import { type BenchmarkExperiment, definitionOf } from './experiment.ts';
import { weightsOf } from './given_weights.ts';
import { trainedCounts } from './image_counts.ts';
import { notesOf } from './notes.ts';
import type { BenchmarkOptions, BenchmarkResult } from './options.ts';
import type { Benchmarks } from './registry.ts';
import { drawTrained } from './trained_pictures.ts';

/** The experiments of a protocol that trains, checked, by name. */
export function trainedExperiments(
  experiment: BenchmarkExperiment,
  bound: BoundTrained,
): ReadonlyMap<string, Experiment> {
  const { name, seed, lanes, numerics, weights, backbone, sobel, mean, std } = experiment;
  const start =
    weights.kind === 'file' ? { start: { sha256: weights.sha256, prefix: weights.prefix } } : {};
  const inputs = Object.entries(
    bound.experiments({ backbone, sobel, mean, std }),
  ) satisfies (readonly [string, ExperimentInput])[];
  return new Map(
    inputs.map(([cell, input]) => {
      const value = { ...input, name: `${name}/${cell}`, seed, lanes, numerics, ...start };
      return [cell, parseExperiment(value, { [bound.method.kind]: bound.method })] as const;
    }),
  );
}

/** The first of them, of a protocol that trains one, or of a grid. @throws UserError where it trains nothing */
export function firstTrained(asked: BenchmarkExperiment, benchmarks: Benchmarks): Experiment {
  const { kind } = asked.benchmark;
  const bound = definitionOf(kind, benchmarks).bindBenchmark(asked.benchmark);
  if (bound.way !== 'trained')
    throw new UserError(`benchmark ${kind}: it trains nothing; name a protocol that does`);
  const [experiment] = trainedExperiments(asked, bound).values();
  if (experiment === undefined) throw new Error(`benchmark: ${kind} has no experiment`);
  return experiment;
}

/**
 * Trains the experiments of a protocol that are not finished yet, each in a folder of its own name, where it is an
 * ordinary run, and makes the record of those that are. Several processes may train several cells of one work directory.
 */
export async function runTrained(
  options: BenchmarkOptions,
  bound: BoundTrained,
): Promise<BenchmarkResult> {
  const { workDir, data, workers, threads, signal, terminal, perturbation } = options;
  const { sequential, cluster, processesHere } = options;
  const experiments = trainedExperiments(options.experiment, bound);
  const chosen = chosenCells(options, [...experiments.keys()]);
  useArithmetic(options.experiment);
  await writeSummary(options, bound, experiments);
  for (const cell of chosen) {
    const experiment = experiments.get(cell);
    const folder = join(workDir, cell);
    if (experiment === undefined || recordOf(folder)?.finished) continue;
    const training = train({
      experiment,
      methods: { [bound.method.kind]: bound.method },
      ...{ data, workDir: folder, workers, threads, signal, terminal, perturbation },
      ...{ sequential, cluster, processesHere },
      resumeFrom: options.resumeFrom,
      pretrained: options.weights?.file,
      prefix: options.weights?.prefix,
    });
    if (!(await finishes(training, signal))) break;
    await writeSummary({ ...options, pictures: false }, bound, experiments); // drawn once, at the end
  }
  return writeSummary(options, bound, experiments);
}

/** A training that is told to stop before its first step throws the reason. */
async function finishes(
  training: Promise<TrainResult>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return (await training).finished;
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
    return false;
  }
}

/** Those that are asked for. @throws UserError for one that is none */
export function chosenCells(
  { cells }: Pick<BenchmarkOptions, 'cells'>,
  all: readonly string[],
): readonly string[] {
  const strange = cells?.find((cell) => !all.includes(cell));
  if (strange !== undefined)
    throw new UserError(`--cells ${strange}: there is no such one; they are ${all.join(', ')}`);
  return cells ?? all;
}

function recordOf(folder: string): RunRecord | undefined {
  return kindOfPath(join(folder, 'record.json')) === undefined ? undefined : readRecord(folder);
}

/** The record of the whole, from those of the experiments that are finished. */
async function writeSummary(
  options: BenchmarkOptions,
  bound: BoundTrained,
  experiments: ReadonlyMap<string, Experiment>,
): Promise<BenchmarkResult> {
  const { workDir, experiment, data } = options;
  const cells = [...experiments.keys()];
  const done = finishedOf(workDir, experiments);
  const [first] = done;
  const history = new History(workDir, experiment, await provenanceOfAll(options, done), [], {
    ...notesOf(options),
    ...(first === undefined ? {} : { images: await trainedCounts(first.experiment, data) }),
    ...(cells.length > 1 ? { cells: done.map(({ cell }) => cell).join(' ') } : {}),
  });
  history.add({ epoch: 0, step: 0, metrics: {}, stateHash: await stateHash(weightsOf(options)) });
  let step = 0;
  for (const [i, { record }] of done.entries()) {
    const last = record.epochs.at(-1);
    if (last === undefined) throw new Error('benchmark: a finished run without epochs');
    step += last.step;
    const metrics = { ...metricsOf(last.metrics), ...metricsOf(record.final ?? {}) };
    history.add({ epoch: i + 1, step, metrics, stateHash: last.stateHash });
  }
  const finished = done.length === cells.length;
  const summary = done.length === 0 ? undefined : bound.summary(curvesOf(done));
  const pages = finished && options.pictures ? await drawTrained(options, bound, done) : [];
  if (finished && summary !== undefined) history.finish(summary);
  let lock: Lock | undefined;
  await always(
    async () => {
      lock = await openWorkDir(workDir);
      await history.write();
    },
    () => lock?.release(),
  );
  return { record: history.record(), workDir, finished, summary, pages };
}

interface Done {
  readonly cell: string;
  readonly experiment: Experiment;
  readonly record: RunRecord;
  /** Of its last epoch. */
  readonly last: Metrics;
}

function finishedOf(workDir: string, experiments: ReadonlyMap<string, Experiment>): Done[] {
  return [...experiments].flatMap(([cell, experiment]) => {
    const record = recordOf(join(workDir, cell));
    if (!record?.finished) return [];
    const last = metricsOf(record.epochs.at(-1)?.metrics ?? {});
    return [{ cell, experiment, record, last }];
  });
}

function curvesOf(done: readonly Done[]): Map<string, Metrics[]> {
  return new Map(
    done.map(({ cell, record: { epochs, final = {} } }) => {
      const curve = epochs.map(({ metrics }) => metricsOf(metrics));
      const last = { ...curve.at(-1), ...metricsOf(final) };
      return [cell, [...curve.slice(0, -1), last]] as const;
    }),
  );
}

/** What all of them have been computed from and with. */
async function provenanceOfAll(
  { experiment }: BenchmarkOptions,
  done: readonly Done[],
): Promise<Provenance> {
  const { weights, benchmark } = experiment;
  await startEngine();
  const file = weights.kind === 'file' ? { pretrained: weights.sha256 } : {};
  const graph = sha256Json([benchmark, ...done.map(({ record }) => record.graph)]);
  const own = await provenanceOf({ ...dataOf(done), ...file }, graph);
  const [first, ...others] = done.map(({ record }) => record);
  if (first === undefined) return own;
  const { library, fingerprint, numerics } = first;
  const computed = others.reduce<Computed>(together, { fingerprint, numerics });
  return Provenance.parse({ data: own.data, graph, library, ...computed });
}

/** By use, and by cell as well where cells have different data. */
function dataOf(done: readonly Done[]): Record<string, Sha256> {
  const all: Record<string, Sha256> = {};
  const unlike = new Set<string>();
  for (const { record } of done)
    for (const [use, hash] of Object.entries(hashesOf(record.data))) {
      all[use] ??= Sha256.parse(hash);
      if (all[use] !== hash) unlike.add(use);
    }
  for (const use of unlike) {
    delete all[use];
    for (const { cell, record } of done)
      all[`${cell}.${use}`] = Sha256.parse(hashesOf(record.data)[use]);
  }
  return all;
}
