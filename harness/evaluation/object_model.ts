import { breath, type Sha256 } from '../base/index.ts';
import { Canvas } from '../data/images/canvas.ts';
import { testPicture } from '../data/objects/object_pictures.ts';
import type { ObjectSource } from '../data/objects/objects.ts';
import { startEngine } from '../engine/index.ts';
import { Program } from '../engine/program.ts';
import type { FoundObject, Model, ObjectFinder } from '../experiment/index.ts';
import type { Stage } from '../step/features.ts';
import type { Tensors } from '../step/learner.ts';
import { inTurns, type TurnGroup } from '../step/turns.ts';
import { foundRows, rowsFound } from './found_rows.ts';
import type { PassModel } from './passes.ts';
import { statesOf, writeStages } from './stage_states.ts';

export interface ObjectModelSetup {
  readonly model: Model;
  readonly finder: ObjectFinder;
  readonly source: ObjectSource;
  /** Pictures at a time. */
  readonly batch: number;
  /** Sides of a picture as it is judged, pixels. */
  readonly sides: { readonly short: number; readonly longest: number };
  readonly threads: number;
  readonly group?: TurnGroup | undefined;
}

/** A detector that is open only to be judged: weights in, objects of the test pictures out. */
export class ObjectModel implements PassModel {
  private readonly setup: ObjectModelSetup;
  private readonly program: Program;
  private readonly stages: readonly Stage[];
  private of: Sha256 | undefined;

  static async open(setup: ObjectModelSetup): Promise<ObjectModel> {
    await startEngine();
    return new ObjectModel(setup);
  }

  private constructor(setup: ObjectModelSetup) {
    this.setup = setup;
    this.stages = Object.entries(setup.model.networks).map(([name, module]) => {
      return { prefix: `${name}.`, module };
    });
    this.program = new Program({ intraThreads: setup.threads });
    for (const [name, { dtype, shape }] of statesOf(this.stages))
      this.program.state(name, { dtype, shape });
    setup.finder.define(this.program);
  }

  /** Puts in the networks' part of a state; running statistics are those of replica 0. */
  async load(weights: Tensors): Promise<Sha256> {
    this.of = await writeStages(this.program, this.stages, weights);
    return this.of;
  }

  get loaded(): Sha256 {
    if (this.of === undefined) throw new Error('evaluation: no weights');
    return this.of;
  }

  /** What is found in each picture, in order. @param signal ends it, which throws its reason then */
  async find(signal?: AbortSignal): Promise<FoundObject[][]> {
    const found: FoundObject[][] = [];
    for await (const rows of this.turns(signal)) found.push(...rowsFound(rows));
    return found;
  }

  /** Does this process's share of a `find` of rank 0, and nothing else. */
  async assist(): Promise<void> {
    for await (const _ of this.turns()); // the rows are for rank 0
  }

  dispose(): void {
    this.program.dispose();
  }

  private async *turns(signal?: AbortSignal): AsyncGenerator<Float32Array> {
    const { source, batch, group } = this.setup;
    const batches = Math.ceil(source.count / batch);
    const turns = { group, name: 'objects of evaluation.test', batches, signal };
    for await (const { rows } of inTurns(turns, this.own(batches, signal))) yield rows;
  }

  private async *own(batches: number, signal: AbortSignal | undefined) {
    const { source, batch, group, sides, finder } = this.setup;
    const { rank, processes } = group ?? { rank: 0, processes: 1 };
    const canvas = new Canvas();
    for (let b = rank; b < batches; b += processes) {
      await breath(signal);
      const pictures = [];
      for (let index = b * batch; index < Math.min(source.count, (b + 1) * batch); index++)
        pictures.push({
          ...(await testPicture(source, canvas, index, sides)),
          image: source.image(index),
        });
      yield foundRows(await finder.find(this.program, pictures));
    }
  }
}
