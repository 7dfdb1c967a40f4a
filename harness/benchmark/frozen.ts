import { join } from 'node:path';
import { always, type Lock, makeFolders, sha256Json, UserError } from '../base/index.ts';
import { useArithmetic } from '../engine/arithmetic.ts';
import type { Metrics } from '../experiment/index.ts';
import type { FeatureStore } from '../features/store.ts';
import { type EpochEntry, metricsOf } from '../record/entries.ts';
import { History } from '../record/history.ts';
import { continued, environment, type Provenance, provenanceOf } from '../record/provenance.ts';
import { stateHash } from '../weights/checkpoint.ts';
import type { Bench, BoundFrozen } from './definition.ts';
import { weightsOf } from './given_weights.ts';
import { imageCounts } from './image_counts.ts';
import { BenchmarkLog } from './log.ts';
import { notesOf } from './notes.ts';
import type { BenchmarkOptions, BenchmarkResult } from './options.ts';
import { drawFeatures, drawUnit } from './pictures.ts';
import { type OpenSets, openSets } from './sets.ts';
import type { Start } from './start.ts';
import { openBenchmarkStore } from './store.ts';
import { writeUnit } from './unit_file.ts';

/** A frozen protocol that is open: weights, images, features. */
interface Opened {
  readonly sets: OpenSets;
  readonly store: FeatureStore;
  readonly provenance: Provenance;
  /** Of the weights, the state before the first unit. */
  readonly state: EpochEntry['stateHash'];
}

/**
 * Computes the units of a frozen protocol that are not there yet, each written down before the next begins. However
 * often it is interrupted and resumed, the result has the same bits.
 */
export async function runFrozen(
  options: BenchmarkOptions,
  bound: BoundFrozen,
  lock: Lock,
  start: Start | undefined,
): Promise<BenchmarkResult> {
  const { experiment, workDir } = options;
  let log: BenchmarkLog | undefined;
  const opened = await open(options, bound, (line) => log?.info(line));
  return always(
    async () => {
      log = openLog(options, lock);
      log.info(startLine(options, bound));
      for (const line of options.weights?.said ?? []) log.info(line);
      for (const { warnings } of Object.values(opened.sets.images))
        for (const warning of warnings) log.warn(warning);
      const provenance =
        start === undefined
          ? opened.provenance
          : continued(
              { experiment, before: provenanceIn(start), now: opened.provenance },
              (message) => log?.warn(message),
            );
      const entries = start?.entries ?? [];
      const counts = Object.entries(opened.sets.bench).map(([use, { count }]) => [use, count]);
      const images = imageCounts(Object.fromEntries(counts));
      const notes = { ...notesOf(options), images };
      const history = new History(workDir, experiment, provenance, entries, notes);
      return await new FrozenRun(options, bound, opened, history, log, lock).advance();
    },
    () => opened.store.dispose(),
  );
}

async function open(
  options: BenchmarkOptions,
  bound: BoundFrozen,
  tell: (line: string) => void,
): Promise<Opened> {
  const { experiment, data, workers, threads = 0, signal, workDir } = options;
  const { batch = 32 } = experiment.extraction ?? {};
  useArithmetic(experiment);
  const uses = bound.sets();
  const sets = await openSets(uses, { data, batch, workers, signal });
  bound.check(sets.bench);
  const weights = weightsOf(options);
  const { images } = sets;
  const store = await openBenchmarkStore({
    folder: options.features ?? join(workDir, 'features'),
    features: bound.features(),
    ...{ experiment, uses, images, weights, threads, signal, tell },
  });
  const manifests = Object.entries(images).map(([use, set]) => [use, set.sha256] as const);
  const file = experiment.weights.kind === 'file' ? { weights: experiment.weights.sha256 } : {};
  const graph = sha256Json([store.graph, experiment.benchmark]);
  const provenance = await provenanceOf({ ...Object.fromEntries(manifests), ...file }, graph);
  return { sets, store, provenance, state: await stateHash(weights) };
}

function openLog({ workDir: folder, experiment, terminal }: BenchmarkOptions, lock: Lock) {
  const words = Object.entries(environment()).map(([name, value]) => `${name} ${value}`);
  return new BenchmarkLog({
    folder,
    seed: experiment.seed,
    environment: words.join(', '),
    check: () => lock.check(),
    terminal,
  });
}

function provenanceIn({ record }: Start): Provenance {
  const { data, graph, library, fingerprint, numerics } = record;
  return { data, graph, library, fingerprint, numerics } as Provenance;
}

function startLine({ experiment, workDir }: BenchmarkOptions, bound: BoundFrozen): string {
  const { name, weights } = experiment;
  const what = weights.kind === 'random' ? 'random weights' : weights.sha256.slice(0, 12);
  const count = bound.units().length;
  const id = sha256Json(experiment).slice(0, 12);
  return `${name} (${id}): ${count} units on ${what}, work_dir ${workDir}`;
}

/** The units of a run under way. */
class FrozenRun {
  private readonly options: BenchmarkOptions;
  private readonly bound: BoundFrozen;
  private readonly opened: Opened;
  private readonly history: History;
  private readonly log: BenchmarkLog;
  private readonly lock: Lock;

  constructor(
    options: BenchmarkOptions,
    bound: BoundFrozen,
    opened: Opened,
    history: History,
    log: BenchmarkLog,
    lock: Lock,
  ) {
    this.options = options;
    this.bound = bound;
    this.opened = opened;
    this.history = history;
    this.log = log;
    this.lock = lock;
  }

  async advance(): Promise<BenchmarkResult> {
    const { bound, history, log, options } = this;
    const { signal, stopAfterUnit = Number.POSITIVE_INFINITY } = options;
    const units = bound.units();
    if (history.epochs.length === 0)
      history.add({ epoch: 0, step: 0, metrics: {}, stateHash: this.opened.state });
    else if (history.epochs[0]?.stateHash !== this.opened.state)
      throw new UserError(
        `the weights have other values than those that the run began with (${this.opened.state}, in the ` +
          `record ${history.epochs[0]?.stateHash}): they are read or drawn by another version of the code`,
      );
    await history.write();
    const done = history.epochs.length - 1;
    if (done > 0) log.info(`${done} of ${units.length} units are there already`);
    try {
      for (const [i, unit] of units.entries())
        if (i >= done && i < stopAfterUnit) await this.unit(i, unit, units.length);
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error;
    }
    return this.conclude(units);
  }

  private async unit(i: number, unit: string, count: number): Promise<void> {
    const { bound, history, log, lock, options } = this;
    options.signal?.throwIfAborted();
    const { metrics, tensors, predictions } = await bound.judge(this.bench(unit), unit);
    refuseNotFinite(unit, metrics);
    lock.check();
    const hash = await writeUnit(options.workDir, unit, tensors);
    if (options.pictures && predictions !== undefined)
      await drawUnit({ options, sets: this.opened.sets }, unit, predictions);
    history.add({ epoch: i + 1, step: i + 1, metrics, stateHash: hash });
    log.unit(`${i + 1}/${count}`, unit, metrics);
    await history.write();
  }

  private async conclude(units: readonly string[]): Promise<BenchmarkResult> {
    const { bound, history, log, options } = this;
    const { workDir } = options;
    const done = history.epochs.slice(1);
    if (done.length < units.length) {
      log.info(`stopped; go on with --resume_from auto --work_dir ${workDir}`);
      return { record: history.record(), workDir, finished: false, summary: undefined };
    }
    const metrics = new Map(units.map((unit, i) => [unit, metricsOf(done[i]?.metrics ?? {})]));
    const summary = bound.summary(metrics);
    refuseNotFinite('summary', summary);
    if (options.pictures) {
      const { sets, store } = this.opened;
      await drawFeatures({ options, bound, sets, store });
    }
    history.finish(summary);
    await history.write();
    log.summary(summary);
    return { record: history.record(), workDir, finished: true, summary };
  }

  private bench(unit: string): Bench {
    const { options, opened, log } = this;
    const { experiment, data, threads = 0, signal, workDir } = options;
    const folder = join(workDir, 'files');
    makeFolders(folder);
    return {
      seed: experiment.seed,
      sets: opened.sets.bench,
      features: (set, layer, pooling) => opened.store.features(set, layer, pooling),
      folder,
      data,
      threads,
      signal,
      tell: (line) => log.info(`${unit}: ${line}`),
    };
  }
}

function refuseNotFinite(what: string, metrics: Metrics): void {
  for (const [name, value] of Object.entries(metrics))
    if (!Number.isFinite(value)) throw new Error(`benchmark: ${name} of ${what} is ${value}`);
}
