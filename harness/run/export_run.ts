import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { always, canonicalJson, writeAtomic } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import { bytesOf, type HostArray, hostArray } from '../engine/array.ts';
import type { Experiment, Host, Methods, StepAt } from '../experiment/index.ts';
import { NO_SUMS } from '../record/sums.ts';
import type { Learner } from '../step/learner.ts';
import { takeStep } from '../step/take_step.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { openTraining, type Training } from './open_training.ts';

export interface ExportOptions {
  readonly experiment: Experiment;
  readonly methods: Methods;
  /** Data folder. */
  readonly data: string;
  /** Where the trace goes. */
  readonly folder: string;
  /** Steps whose batches are written; all of the run without. */
  readonly steps?: number | undefined;
  /** Takes the batches as bytes; without, each becomes a file. */
  readonly stream?: Writable | undefined;
  /** Also trains on the batches: `losses.jsonl`, and the state before every step as a file. */
  readonly states?: boolean | undefined;
  readonly workers?: number | undefined;
  /** Told what a user should know of the data. */
  readonly warn?: (message: string) => void;
  /** Told after every step. */
  readonly tell?: (step: number, steps: number) => void;
}

/**
 * Writes what another program needs to repeat a run: `trace.json` (the experiment and the learning
 * rate of every step), `initial.safetensors` (the state before the first step) and the batches, as
 * `step_000000.safetensors`, … or as bytes in a stream: of each step the views, then the draws as
 * little-endian int32. tools/torch/README.md has the format. Accumulated gradients are not traced.
 * @returns the number of steps written
 */
export async function exportRun(options: ExportOptions): Promise<number> {
  const { experiment, methods, data, folder, workers, warn = () => {} } = options;
  const training = await openTraining({ experiment, methods, data, workers });
  for (const warning of training.warnings) warn(warning);
  const { learner, method, stepsPerEpoch } = training;
  const body = async () => {
    await learner.initialise(experiment.seed);
    const plans = Array.from({ length: experiment.epochs * stepsPerEpoch }, (_, step) =>
      training.plan(step),
    );
    const lr = plans.map(({ rate }) => rate);
    const scalars = plans.map((plan) => plan.scalars);
    const { views, draws } = method;
    const head = { experiment, views, draws, stepsPerEpoch, lr, scalars };
    await writeAtomic(join(folder, 'trace.json'), canonicalJson(head));
    await writeState(join(folder, 'initial.safetensors'), learner);
    const steps = Math.min(options.steps ?? lr.length, lr.length);
    // What a method does between epochs follows from what was trained before.
    const trains = options.states === true || method.beforeEpoch !== undefined;
    const trained = trains ? new ExportedRun(options, training) : undefined;
    return await writeBatches(options, training, steps, trained);
  };
  return always(body, () => training.dispose());
}

/** A stream to a pipe or file. Opening a pipe waits until somebody reads from it. */
export function openStream(path: string): Writable {
  return path === '-' ? process.stdout : createWriteStream(path);
}

async function writeState(path: string, learner: Learner): Promise<void> {
  await writeSafetensors(path, { tensors: await learner.save(), metadata: {} });
}

/** The run itself, trained on the batches that are written. */
class ExportedRun {
  private readonly folder: string;
  /** Whether it is written down. */
  private readonly states: boolean;
  private readonly training: Training;
  private losses = '';

  constructor({ folder, states = false }: ExportOptions, training: Training) {
    this.folder = folder;
    this.states = states;
    this.training = training;
  }

  async step(host: Host, at: StepAt, batch: Batch): Promise<void> {
    const { step } = at;
    await this.write(step);
    const { learner } = this.training;
    const { loss } = await takeStep(learner, host, batch, this.training.plan(step), at);
    if (!this.states) return;
    this.losses += `${JSON.stringify({ step, loss })}\n`;
    await writeAtomic(join(this.folder, 'losses.jsonl'), this.losses);
  }

  /** The state after so many steps. */
  async write(steps: number): Promise<void> {
    if (!this.states) return;
    const name = `state_${String(steps).padStart(6, '0')}.safetensors`;
    await writeState(join(this.folder, name), this.training.learner);
  }
}

async function writeBatches(
  { experiment, folder, stream, tell }: ExportOptions,
  training: Training,
  steps: number,
  trained: ExportedRun | undefined,
): Promise<number> {
  const { stepsPerEpoch } = training;
  let step = 0;
  for (let epoch = 0; step < steps; epoch++) {
    const begun = await training.begin({ epoch, fromStep: 0, sums: NO_SUMS });
    for await (const batch of begun.batches) {
      if (stream === undefined) {
        const name = `step_${String(step).padStart(6, '0')}.safetensors`;
        const tensors = batchTensors(batch, experiment.data.size);
        await writeSafetensors(join(folder, name), { tensors, metadata: {} });
      } else await send(stream, batch);
      const place = { step, epoch, epochStep: step - epoch * stepsPerEpoch };
      await trained?.step(begun.host, place, batch);
      tell?.(++step, steps);
      if (step === steps) break;
    }
  }
  await trained?.write(step);
  if (stream !== undefined && stream !== process.stdout) {
    stream.end();
    await finished(stream);
  }
  return step;
}

function batchTensors(
  { views, rows, indices, draws, labels, chance }: Batch,
  size: number,
): Map<string, HostArray> {
  const count = indices.length;
  return new Map([
    ['indices', hostArray('int32', [count], indices)],
    ...views.map(
      (view, v) => [`view${v}`, hostArray('uint8', [count, size, size, 3], view)] as const,
    ),
    ...(rows ? [['rows', hostArray('float32', [count, rows.length / count], rows)] as const] : []),
    ...Object.entries(draws).map(
      ([name, values]) => [name, hostArray('int32', [count], values)] as const,
    ),
    ...(labels ? [['labels', hostArray('int32', [count], labels)] as const] : []),
    ...(chance ? [['chance', hostArray('int32', [2], chance)] as const] : []),
  ]);
}

/** Waits for the reader, so that nothing piles up and no memory is used anew while it is read. */
async function send(stream: Writable, { views, draws }: Batch): Promise<void> {
  for (const values of [...views, ...Object.values(draws)])
    if (!stream.write(Uint8Array.from(bytesOf(values)))) await once(stream, 'drain');
}
