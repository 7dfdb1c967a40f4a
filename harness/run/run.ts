import type { Batch } from '../data/batch.ts';
import type { Source } from '../data/source.ts';
import type { HostArray } from '../engine/array.ts';
import { learningRate } from '../optim/schedule.ts';
import { type BegunEpoch, beginEpoch } from './begin_epoch.ts';
import { saveCheckpoint, stateHash } from './checkpoint.ts';
import { collapseWarnings } from './collapse.ts';
import { runEpoch } from './epoch.ts';
import type { CheckpointExtra, History } from './history.ts';
import type { Learner, Tensors } from './learner.ts';
import { type HostSetup, Stopped } from './learner_host.ts';
import type { RunLog } from './log.ts';
import type { Metrics } from './log_format.ts';
import type { Provenance } from './provenance.ts';
import { type Experiment, experimentId } from './spec.ts';
import type { StateFile } from './states.ts';
import { beforeOf, type EpochSums, meansOf, NO_SUMS } from './sums.ts';

/** Where batches come from; `Loader` is one. */
export interface Batches {
  readonly source: Source;
  readonly stepsPerEpoch: number;
  epoch(epoch: number, fromStep?: number, samples?: Int32Array): AsyncIterableIterator<Batch>;
  dispose(): Promise<void>;
}

/** What judges the weights of a run on the way and at its end. */
export interface Evaluator {
  readonly manifests: Readonly<Record<string, string>>;
  atEpoch(epoch: number, weights: Tensors): Promise<Metrics>;
  atEnd(weights: Tensors): Promise<Metrics>;
  dispose(): Promise<void>;
}

/** Where a run stands. */
export interface Place {
  /** Epochs finished. */
  readonly epoch: number;
  /** Steps finished of the next one, and their sums. */
  readonly epochStep: number;
  readonly sums: EpochSums;
}

export interface RunParts {
  readonly experiment: Experiment;
  readonly folder: string;
  readonly learner: Learner;
  readonly batches: Batches;
  readonly evaluator: Evaluator | undefined;
  readonly log: RunLog;
  readonly history: History;
  readonly provenance: Provenance;
  readonly perturbation: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Takes the hashes of every tensor after every step, where that is asked for. */
  readonly states: StateFile | undefined;
  /** What a method's own work needs besides. */
  readonly reach: Pick<HostSetup, 'source' | 'data' | 'workers' | 'threads'>;
}

/** A run under way: epochs of steps, each with its evaluation, checkpoint and entry of the record. */
export class Run {
  private readonly parts: RunParts;
  private place: Place;

  constructor(parts: RunParts, place: Place) {
    this.parts = parts;
    this.place = place;
  }

  /** The entry of epoch 0: the state before training. */
  async begin(): Promise<void> {
    const { history } = this.parts;
    await history.write(); // from here on the folder is this experiment's
    await this.conclude(0, {});
    await history.write();
  }

  /**
   * Trains up to an epoch.
   * @returns false when the signal stopped it; the state is saved then.
   */
  async advance(lastEpoch: number): Promise<boolean> {
    const { signal } = this.parts;
    while (this.place.epoch < lastEpoch) {
      if (!(await this.epoch(lastEpoch))) return false;
      if (signal?.aborted && this.place.epoch < this.parts.experiment.epochs) return false;
    }
    return true;
  }

  /** What comes after the last epoch. */
  async finish(): Promise<void> {
    const { evaluator, history, log, learner } = this.parts;
    const final = evaluator === undefined ? {} : await evaluator.atEnd(await learner.save());
    if (Object.keys(final).length > 0) log.validation(this.step, this.rate(), final);
    history.finish(final);
    await history.write();
  }

  private async epoch(lastEpoch: number): Promise<boolean> {
    const { experiment, learner, log, batches, history, signal, states } = this.parts;
    const { stepsPerEpoch } = batches;
    const { epoch, epochStep: fromStep } = this.place;
    const begun = await this.begun();
    if (begun === undefined) return false;
    const outcome = await runEpoch({
      ...{ experiment, learner, log, stepsPerEpoch, epoch, fromStep, signal, ...begun },
      ...(states === undefined
        ? {}
        : { afterStep: async (step) => states.append(step, await learner.save()) }),
      save: (epochStep, sumsThen) => {
        this.place = { epoch, epochStep, sums: sumsThen };
        return this.save();
      },
    });
    this.place = { epoch, ...outcome };
    if (signal?.aborted) {
      await this.save();
      if (outcome.epochStep < stepsPerEpoch) return false;
    }
    this.place = { epoch: epoch + 1, epochStep: 0, sums: NO_SUMS };
    const means = meansOf(outcome.sums);
    const values = Object.entries(means).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    log.info(`epoch ${epoch + 1} of ${experiment.epochs}: ${values.join(', ')}`);
    const state = await this.conclude(epoch + 1, means, beforeOf(outcome.sums));
    const { everyEpochs } = experiment.checkpoint;
    if ((epoch + 1) % everyEpochs === 0 || epoch + 1 === lastEpoch || signal?.aborted)
      await this.save(state);
    await history.write();
    return true;
  }

  /**
   * The epoch that comes next, or the rest of the one under way; undefined when the run was stopped
   * before it began, with the state saved.
   */
  private async begun(): Promise<BegunEpoch | undefined> {
    const { epoch, epochStep: fromStep, sums } = this.place;
    try {
      return await beginEpoch({ ...this.parts, ...this.parts.reach, epoch, fromStep, sums });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await this.save();
      return undefined;
    }
  }

  /**
   * Evaluates the state as it is now and adds it to the record as an epoch's end.
   * @param before what the method said before the epoch's first step
   */
  private async conclude(
    epoch: number,
    means: Metrics,
    before: Metrics = {},
  ): Promise<Map<string, HostArray>> {
    const { learner, evaluator, history, log } = this.parts;
    const state = await learner.save();
    const found = evaluator === undefined ? {} : await evaluator.atEpoch(epoch, state);
    const judged = { ...before, ...found };
    if (Object.keys(judged).length > 0) log.validation(this.step, this.rate(), judged);
    const metrics = { ...means, ...judged };
    if (epoch > 0)
      // random weights are no collapse
      for (const warning of collapseWarnings(metrics)) log.warn(`epoch ${epoch}: ${warning}`);
    history.add({ epoch, step: this.step, metrics, stateHash: await stateHash(state) });
    return state;
  }

  private async save(state?: Map<string, HostArray>): Promise<void> {
    const { experiment, folder, learner, log, history, provenance, perturbation } = this.parts;
    const { epoch, epochStep, sums } = this.place;
    const extra: CheckpointExtra = {
      ...{ provenance, sums, epochs: history.epochs },
      ...(perturbation === undefined ? {} : { perturbation }),
    };
    const meta = { experiment, experimentId: experimentId(experiment), epoch, epochStep, extra };
    const tensors = state ?? (await learner.save());
    const { keepLast, keepEvery } = experiment.checkpoint;
    await saveCheckpoint(
      folder,
      { tensors, meta: { ...meta, step: this.step } },
      { keepLast, keepEvery },
    );
    // The record says what an epoch gave; between epochs it is good to know how much is safe.
    if (epochStep > 0) log.info(`saved step ${this.step}`);
  }

  private get step(): number {
    return this.place.epoch * this.parts.batches.stepsPerEpoch + this.place.epochStep;
  }

  /** The learning rate of the last step, for the log. */
  private rate(): number {
    const { experiment, batches } = this.parts;
    const { stepsPerEpoch } = batches;
    const at = { step: Math.max(0, this.step - 1), stepsPerEpoch, epochs: experiment.epochs };
    return learningRate(experiment.schedule, experiment.optimizer.lr, at);
  }
}
