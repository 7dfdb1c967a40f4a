import type { HostArray } from '../engine/array.ts';
import { collapseWarnings } from '../evaluation/collapse.ts';
import { experimentId, type Metrics } from '../experiment/index.ts';
import type { RunLog } from '../log/log.ts';
import { learningRate } from '../optim/schedule.ts';
import type { CheckpointExtra, History } from '../record/history.ts';
import type { Provenance } from '../record/provenance.ts';
import type { StateFile } from '../record/states.ts';
import { beforeOf, meansOf, NO_SUMS } from '../record/sums.ts';
import { Stopped } from '../step/stopped.ts';
import { saveCheckpoint, stateHash } from '../weights/checkpoint.ts';
import type { BegunEpoch } from './begin_epoch.ts';
import { runEpoch } from './epoch.ts';
import type { Training } from './open_training.ts';
import { learntClasses } from './pretrained_classes.ts';
import { type Place, Unread, unread, unreadText } from './unread.ts';

export interface RunSetup {
  readonly training: Training;
  readonly folder: string;
  readonly log: RunLog;
  readonly history: History;
  readonly provenance: Provenance;
  readonly perturbation: number | undefined;
  readonly pretrainedPrefix: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Throws where the folder is not the one any more that was opened. */
  readonly check: () => void;
  /** Takes the hashes of every tensor after every step, where that is asked for. */
  readonly states: StateFile | undefined;
}

/** A run under way: epochs of steps, each with its evaluation, checkpoint and entry of the record. */
export class Run {
  private readonly setup: RunSetup;
  private place: Place;
  /** The step whose state the last checkpoint of this start holds. */
  private saved: number | undefined;

  constructor(setup: RunSetup, place: Place) {
    this.setup = setup;
    this.place = place;
  }

  /** The entry of epoch 0: the state before training. */
  async begin(): Promise<void> {
    await this.writeRecord(); // from here on the folder is this experiment's
    await this.conclude(0, {});
    await this.writeRecord();
  }

  /**
   * Trains up to an epoch.
   * @returns false when the signal stopped it; the state is saved then, of an epoch whose evaluation was
   *   stopped that before it.
   */
  async advance(lastEpoch: number): Promise<boolean> {
    const { signal } = this.setup;
    while (this.place.epoch < lastEpoch) {
      if (!(await this.epoch(lastEpoch))) return false;
      if (signal?.aborted && this.place.epoch < this.setup.training.experiment.epochs) {
        // Told to stop since this epoch's checkpoint was left out or written.
        if (this.saved !== this.step) await this.save();
        return false;
      }
    }
    return true;
  }

  /** What comes after the last epoch. @returns false when the signal stopped it */
  async finish(): Promise<boolean> {
    const { training, history, log } = this.setup;
    const { evaluator, learner } = training;
    let final: Metrics = {};
    try {
      if (evaluator !== undefined) final = await evaluator.atEnd(await learner.save());
    } catch (error) {
      if (!this.isStop(error)) throw error;
      return false;
    }
    if (Object.keys(final).length > 0) log.validation(this.step, this.rate(), final);
    history.finish(final);
    await this.writeRecord();
    return true;
  }

  private async epoch(lastEpoch: number): Promise<boolean> {
    const { training, log, signal, states } = this.setup;
    const { experiment, learner, stepsPerEpoch } = training;
    const { epoch, epochStep: fromStep } = this.place;
    const begun = await this.begun(lastEpoch);
    if (begun === undefined) return false;
    const outcome = await runEpoch({
      training,
      begun,
      log,
      epoch,
      fromStep,
      signal,
      ...(states === undefined
        ? {}
        : { afterStep: async (step) => states.append(step, await learner.save()) }),
      save: (epochStep, sumsThen) => {
        this.place = { epoch, epochStep, sums: sumsThen };
        return this.save();
      },
    }).catch((error) => this.leave(error));
    const ended = { epoch, ...outcome };
    this.place = ended;
    if (signal?.aborted) {
      await this.save();
      if (outcome.epochStep < stepsPerEpoch) return false;
    }
    const means = learner.inPercent(meansOf(outcome.sums));
    const values = Object.entries(means).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    log.info(`epoch ${epoch + 1} of ${experiment.epochs}: ${values.join(', ')}`);
    const state = await this.concluded(epoch + 1, means, beforeOf(outcome.sums))
      .catch(unread(ended))
      .catch((error) => this.leave(error));
    if (state === undefined) return false;
    const { everyEpochs } = experiment.checkpoint;
    if ((epoch + 1) % everyEpochs === 0 || epoch + 1 === lastEpoch || signal?.aborted)
      await this.save(state);
    await this.writeRecord();
    return true;
  }

  /**
   * The epoch that comes next, or the rest of the one under way; undefined when the run was stopped
   * before it began, with the state saved.
   */
  private async begun(lastEpoch: number): Promise<BegunEpoch | undefined> {
    const { epoch, epochStep: fromStep, sums } = this.place;
    try {
      const { training, log, signal } = this.setup;
      return await training.begin({ epoch, fromStep, sums, until: lastEpoch, log, signal });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      if (error.cause !== undefined) return this.leave(new Unread(this.place, error.cause));
      await this.save();
      return undefined;
    }
  }

  /** Ends a run for which an image cannot be read: saves what was done before it, and says how to go on. */
  private async leave(error: unknown): Promise<never> {
    if (!(error instanceof Unread)) throw error;
    const { folder } = this.setup;
    this.place = error.place;
    const { epochStep, sums } = error.place;
    // As in `runEpoch`: between the method's work before an epoch and its first step nothing can be saved.
    const savable = epochStep > 0 || sums.before === undefined;
    const saved = savable && (await this.save().then(yes, no));
    throw unreadText(error, { step: this.step, folder, saved });
  }

  /**
   * As `conclude`, for an epoch that was trained; undefined when the run was stopped in the middle of its
   * evaluation, with the state saved from which that is done again.
   */
  private async concluded(
    epoch: number,
    means: Metrics,
    before: Metrics,
  ): Promise<Map<string, HostArray> | undefined> {
    const { training, log, signal } = this.setup;
    try {
      if (training.settlesAfter(epoch)) log.info('computing the statistics of norms anew');
      await training.settle(epoch, signal);
      const state = await this.conclude(epoch, means, before);
      this.place = { epoch, epochStep: 0, sums: NO_SUMS };
      return state;
    } catch (error) {
      if (!this.isStop(error)) throw error;
      await this.save();
      return undefined;
    }
  }

  /** Whether an error is only that the run is told to stop. */
  private isStop(error: unknown): boolean {
    const { signal } = this.setup;
    return signal?.aborted === true && error === signal.reason;
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
    const { training, history, log } = this.setup;
    const { learner, evaluator } = training;
    const state = await learner.save();
    const found = evaluator === undefined ? {} : await evaluator.atEpoch(epoch, state);
    const judged = { ...before, ...found };
    if (Object.keys(judged).length > 0) log.validation(this.step, this.rate(), judged);
    const metrics = { ...means, ...judged };
    if (epoch > 0)
      // random weights have not collapsed
      for (const warning of collapseWarnings(metrics)) log.warn(`epoch ${epoch}: ${warning}`);
    history.add({ epoch, step: this.step, metrics, stateHash: await stateHash(state) });
    return state;
  }

  private async save(state?: Map<string, HostArray>): Promise<void> {
    const { training, folder, log, history, provenance, perturbation } = this.setup;
    const { pretrainedPrefix, check } = this.setup;
    const { experiment, learner, method } = training;
    const { epoch, epochStep, sums } = this.place;
    const classes = learntClasses(method, training.batches.source);
    const extra: CheckpointExtra = {
      format: 'reprise-record-2',
      provenance,
      sums,
      epochs: history.epochs,
      ...(classes === undefined ? {} : { classes }),
      ...(perturbation === undefined ? {} : { perturbation }),
      ...(pretrainedPrefix === undefined ? {} : { pretrainedPrefix }),
    };
    const meta = { experiment, experimentId: experimentId(experiment), epoch, epochStep, extra };
    const tensors = state ?? (await learner.save());
    const { keepLast, keepEvery } = experiment.checkpoint;
    await saveCheckpoint(
      folder,
      { tensors, meta: { ...meta, step: this.step } },
      { keepLast, keepEvery },
      check,
    );
    this.saved = this.step;
    // The record has the numbers of an epoch; here the log says how much of it is saved.
    if (epochStep > 0) log.info(`saved step ${this.step}`);
  }

  private async writeRecord(): Promise<void> {
    this.setup.check();
    await this.setup.history.write();
  }

  private get step(): number {
    return this.place.epoch * this.setup.training.stepsPerEpoch + this.place.epochStep;
  }

  /** The learning rate of the last step, for the log. */
  private rate(): number {
    const { experiment, stepsPerEpoch } = this.setup.training;
    const at = { step: Math.max(0, this.step - 1), stepsPerEpoch, epochs: experiment.epochs };
    return learningRate(experiment.schedule, experiment.optimizer.lr, at);
  }
}

const yes = () => true;
// The disk may be full too: what cannot be read is still the first cause.
const no = () => false;
