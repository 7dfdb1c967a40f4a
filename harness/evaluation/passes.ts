import { always, type Sha256, UserError } from '../base/index.ts';
import type { Group } from '../cluster/group.ts';
import type { Tensors } from '../step/learner.ts';
import { Stopped } from '../step/stopped.ts';
import type { TurnGroup } from '../step/turns.ts';
import type { FrozenModel } from './frozen_model.ts';
import type { ImageSet } from './image_set.ts';

/** What an evaluation needs of a group. */
export type PassGroup = TurnGroup & Pick<Group, 'broadcast'>;

/** A model whose weights are put in before a pass. */
export interface PassModel {
  load(weights: Tensors): Promise<Sha256>;
  /** What `load` gave last. */
  readonly loaded: Sha256;
}

/** Images that pass a model. */
export interface Pass<T> {
  readonly model: PassModel;
  /** On rank 0, or alone. */
  make(signal?: AbortSignal): Promise<T>;
  /** On the others: their share of it, which is handed in. */
  assist(): Promise<void>;
}

/** What rank 0 says to the others: to help with a pass of these weights, or that the judgement is over. */
type Order =
  | { readonly kind: 'pass'; readonly pass: number; readonly weights: Sha256 }
  | { readonly kind: 'over'; readonly finished: boolean };

/**
 * The passes of an evaluation. With a group rank 0 judges, and says to the others which pass comes next; they do
 * their share of each and nothing else. So they cannot get out of step, whatever rank 0 leaves out because it
 * has it already, and wherever it leaves off.
 */
export class Passes {
  private readonly group: PassGroup | undefined;
  private readonly known: Pass<unknown>[] = [];

  constructor(group?: PassGroup | undefined) {
    this.group = group === undefined || group.processes === 1 ? undefined : group;
  }

  /**
   * What makes the features of a set's images, float32 [N, D], by the weights that the model has then. Every process
   * asks for the same ones in the same order.
   */
  of(model: FrozenModel, set: ImageSet): (signal?: AbortSignal) => Promise<Float32Array> {
    return this.add({
      model,
      make: (signal) => model.features(set, signal),
      assist: () => model.assist(set),
    });
  }

  /** The same of any pass. */
  add<T>(own: Pass<T>): (signal?: AbortSignal) => Promise<T> {
    const pass = this.known.push(own) - 1;
    return async (signal) => {
      await this.tell({ kind: 'pass', pass, weights: own.model.loaded });
      return own.make(signal);
    };
  }

  /** On rank 0: judges, with the others' help. */
  async lead<T>(judge: () => Promise<T>): Promise<T> {
    if (this.group === undefined) return judge();
    if (this.group.rank > 0) throw new Error('evaluation: rank 0 judges, the others assist');
    let finished = false;
    const work = async () => {
      const judged = await judge();
      finished = true;
      return judged;
    };
    return always(work, () => this.tell({ kind: 'over', finished }));
  }

  /**
   * On the others: does their share of the passes of one judgement.
   * @returns whether rank 0 came to its end; it did not where it was told to stop or failed
   */
  async assist(weights: Tensors): Promise<boolean> {
    const loaded = new Set<PassModel>();
    for (;;) {
      const order = await this.next();
      if (order.kind === 'over') return order.finished;
      const pass = this.known[order.pass];
      if (pass === undefined) throw new Error(`evaluation: no pass ${order.pass} here`);
      const { model } = pass;
      if (!loaded.has(model)) await model.load(weights);
      loaded.add(model);
      if (model.loaded !== order.weights)
        throw new Error(
          `evaluation: the weights of process ${this.group?.rank} are not those of process 0, ` +
            `which has ${order.weights.slice(0, 12)}; found ${model.loaded.slice(0, 12)}`,
        );
      await pass.assist().catch(heardByAll);
    }
  }

  private async tell(order: Order): Promise<void> {
    await this.group?.broadcast('evaluation', order);
  }

  private next(): Promise<Order> {
    if (this.group === undefined || this.group.rank === 0)
      throw new Error('evaluation: nobody to assist');
    const unheard: Order = { kind: 'over', finished: false };
    return this.group.broadcast<Order>('evaluation', unheard); // what others than rank 0 hand in is not used
  }
}

/** What ended a pass on all processes: rank 0 says what it was, and to the others that the judgement is over. */
function heardByAll(error: unknown): void {
  if (!(error instanceof Stopped || error instanceof UserError)) throw error;
}
