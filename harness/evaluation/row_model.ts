import { breath } from '../base/index.ts';
import { hostArray } from '../engine/array.ts';
import { Program } from '../engine/program.ts';
import { defineRows, type Stage } from '../step/features.ts';
import type { Tensors } from '../step/learner.ts';
import { statesOf, writeStages } from './stage_states.ts';

/** Networks behind frozen ones: rows of features in, logits out. */
export interface RowSettings {
  readonly stages: readonly Stage[];
  /** Values of a row. */
  readonly inputs: number;
  /** Values that the last stage gives. */
  readonly outputs: number;
  /** Rows at a time. */
  readonly batch: number;
  readonly threads: number;
}

/**
 * A part of a model that takes what is computed already, open only to be judged.
 * @example
 * const head = new RowModel({ stages, inputs: 2048, outputs: 1000, batch: 100, threads: 0 });
 * await head.load(weights);
 * const logits = await head.apply(features); // float32 [N, 1000]
 */
export class RowModel {
  private readonly program: Program;
  private readonly settings: RowSettings;

  constructor(settings: RowSettings) {
    const { stages, inputs, batch, threads } = settings;
    this.settings = settings;
    this.program = new Program({ intraThreads: threads });
    for (const [name, { dtype, shape }] of statesOf(stages))
      this.program.state(name, { dtype, shape });
    defineRows(this.program, { stages, batch, inputs });
  }

  /** Puts in the networks' part of a state. @throws UserError naming the tensor that is missing. */
  async load(weights: Tensors): Promise<void> {
    await writeStages(this.program, this.settings.stages, weights);
  }

  /** @param rows float32 [N, inputs] @returns float32 [N, outputs] */
  async apply(rows: Float32Array, signal?: AbortSignal): Promise<Float32Array> {
    const { inputs, outputs, batch } = this.settings;
    const count = rows.length / inputs;
    const found = new Float32Array(count * outputs);
    const fed = new Float32Array(batch * inputs);
    for (let first = 0; first < count; first += batch) {
      await breath(signal);
      const own = Math.min(batch, count - first);
      fed.fill(0).set(rows.subarray(first * inputs, (first + own) * inputs));
      const { features = hostArray('float32', [0], new Float32Array()) } =
        await this.program.runUnlessStopped(signal, 'rows', { rows: fed });
      found.set((features.data as Float32Array).subarray(0, own * outputs), first * outputs);
    }
    return found;
  }

  dispose(): void {
    this.program.dispose();
  }
}
