import { createHash } from 'node:crypto';
import { madeOf } from '../cluster/made_of.ts';
import type { Meetings } from '../cluster/meetings.ts';
import { inputName } from '../data/loader/batch.ts';
import { withGradient } from '../engine/gradient.ts';
import { identity, op1 } from '../engine/op.ts';
import { repeated } from '../engine/ops/indexing.ts';
import type { Precision } from '../engine/precision.ts';
import { withPrecision } from '../engine/precision.ts';
import type { Io } from '../engine/program.ts';
import { detached, type Tensor, tf } from '../engine/tf.ts';
import type { BoundModel, Compat, Step } from '../experiment/index.ts';
import type { Bank } from '../nn/bank.ts';
import type { LayerContext, Module, Params } from '../nn/module.ts';

/** What networks took, what they gave and the gradient of that: `in.N`, `out.N`, `grad_wrt.N`. */
export type Observations = Map<string, Tensor>;

export interface TowerOptions {
  readonly model: BoundModel;
  readonly io: Io;
  readonly replica: number;
  readonly replicas: number;
  /** Of this process: those whose views are here. */
  readonly firstReplica: number;
  readonly ownReplicas: number;
  readonly batch: number;
  /** Longest side of an image, pixels. */
  readonly size: number;
  readonly precision: Precision;
  readonly compat: Compat;
  /** Trainable parameters of this replica by full name, so that gradients are kept apart. */
  readonly trainable: Params;
  /** [K N, H, W, C] normalised views of the K replicas of this process. */
  readonly views: readonly Tensor[];
  /** The pixels that they are made of, and how; nothing where views come as they are. */
  readonly raw?: { readonly views: readonly Tensor[]; readonly make: (pixels: Tensor) => Tensor };
  /** float32 [K N, width], where the model takes rows in place of views. */
  readonly rows?: Tensor;
  readonly indices: Tensor;
  readonly draws: Readonly<Record<string, Tensor>>;
  /** int32 [R N], for a method that asks for them. */
  readonly labels?: Tensor;
  /** int32 [2], for a method that asks for it. */
  readonly chance?: Tensor;
  /** What else is fed: `scalar.NAME`, `replay.NAME`. */
  readonly input: (name: string) => Tensor | undefined;
  /** Where layers of all replicas add up. */
  readonly meetings: Meetings;
  /** Norms keep the statistics of this batch alone, and say over how many values: `Tower.positions`. */
  readonly preciseNorms?: boolean;
  /** Where observed values go; nothing is observed without. */
  readonly observed?: Observations;
}

/**
 * One replica's side of a step: its shard of the batch, its batch statistics, its view of state.
 * What it did to running statistics is in `buffers` afterwards.
 */
export class Tower implements Step {
  /** Buffers that this step changed, by full name. */
  readonly buffers = new Map<string, Tensor>();
  /** Values of a channel in the batch of each norm, by its prefix; with `preciseNorms`. */
  readonly positions = new Map<string, number>();
  private readonly options: TowerOptions;
  private readonly calls = new Map<string, number>();

  constructor(options: TowerOptions) {
    this.options = options;
  }

  get compat(): Compat {
    return this.options.compat;
  }

  get indices(): Tensor {
    return this.mine(this.options.indices);
  }

  get labels(): Tensor {
    const { labels } = this.options;
    if (labels === undefined) throw new Error("step: no labels; set the method's `labels`");
    return this.mine(labels);
  }

  get rows(): Tensor {
    const { rows } = this.options;
    if (rows === undefined) throw new Error("step: no rows; set the model's `cached`");
    return this.here(rows);
  }

  view(index: number): Tensor {
    const view = this.options.views[index];
    if (view === undefined)
      throw new Error(`step: view ${index} asked for, ${this.options.views.length} are made`);
    const { raw } = this.options;
    const pixels = raw?.views[index];
    if (raw === undefined || pixels === undefined) return this.here(view);
    return madeOf(this.here(view), { rows: () => this.here(pixels), make: raw.make });
  }

  input(name: string): Tensor {
    const { input, replica } = this.options;
    const value = input(inputName(replica, name));
    if (value === undefined) throw new Error(`step: no input '${name}'; name it in the method`);
    return value;
  }

  get pictures() {
    const { replica, size } = this.options;
    return { prefix: inputName(replica, ''), size };
  }

  draw(name: string): Tensor {
    const draw = this.options.draws[name];
    if (draw === undefined) throw new Error(`step: no draw '${name}'; name it in the method`);
    return draw;
  }

  scalar(name: string): Tensor {
    const value = this.options.input(`scalar.${name}`);
    if (value === undefined) throw new Error(`step: no scalar '${name}'; name it in the method`);
    return value;
  }

  chance(name: string, make: (key: Tensor) => Tensor): Tensor {
    const { chance, replica, replicas, input } = this.options;
    const call = this.count(`chance ${name}`);
    const own = call === 1 ? name : `${name}#${call}`;
    const replayed = input(`replay.${rankPrefix(replica, replicas)}${own}`);
    if (replayed !== undefined) return replayed;
    if (chance === undefined)
      throw new Error(`step: '${name}' is random; set the method's \`chance\``);
    return make(op1('BitwiseXor', [chance, tf.tensor1d([...keyOf(own, replica)], 'int32')]));
  }

  mine(gathered: Tensor): Tensor {
    const { replica, replicas } = this.options;
    return this.cut(gathered, replica, replicas);
  }

  /** As `mine`, of what has the rows of this process's replicas only. */
  private here(rows: Tensor): Tensor {
    const { replica, firstReplica, ownReplicas } = this.options;
    return this.cut(rows, replica - firstReplica, ownReplicas);
  }

  /** The rows of one of so many replicas. */
  private cut(rows: Tensor, replica: number, replicas: number): Tensor {
    const { batch } = this.options;
    const [count = 0, ...rest] = rows.shape;
    const each = count / (replicas * batch);
    if (!Number.isInteger(each))
      throw new Error(
        `step: [${rows.shape}] has no rows for each of ${replicas} x ${batch} images`,
      );
    if (each > 1) {
      const images = tf.reshape(rows, [replicas * batch, each, ...rest]); // cut between images
      return tf.reshape(this.cut(images, replica, replicas), [-1, ...rest]);
    }
    if (replicas === 1) return rows;
    return tf.slice(rows, [replica * batch, ...rest.map(() => 0)], [batch, ...rest]);
  }

  forward(network: string, x: Tensor, params: Params = this.parameters(network)): Tensor {
    const learns = !Object.hasOwn(this.options.model.followers, network);
    const y = this.apply(network, x, params, this.layers(`${network}.`, { learns }));
    return this.observeCall(network, x, y);
  }

  forwardCopies(network: string, x: Tensor, copies: number): Tensor {
    const context = this.layers(`${network}.`, { copies });
    const y = this.apply(network, x, this.parameters(network), context);
    return this.observeCall(network, x, repeated(y, copies));
  }

  private apply(network: string, x: Tensor, params: Params, context: LayerContext): Tensor {
    const { precision } = this.options;
    return withPrecision(precision, () => this.module(network).apply(params, x, context));
  }

  /** Where a step is observed, keeps what a network took and gave, and the gradient of that. */
  private observeCall(network: string, x: Tensor, y: Tensor): Tensor {
    const call = this.count(network);
    const { observed, replica, replicas } = this.options;
    if (observed === undefined) return y;
    const name = call === 1 ? network : `${network}#${call}`;
    const keep = (kind: string, value: Tensor) =>
      observed.set(`${rankPrefix(replica, replicas)}${kind}.${name}`, value);
    keep('in', x);
    keep('out', y);
    return withGradient([y], () => ({
      value: identity(y),
      gradients: (dy) => {
        keep('grad_wrt', dy);
        return [identity(dy)];
      },
    }));
  }

  /** A network, or for a follower that of its leader. */
  private module(network: string): Module {
    const { model } = this.options;
    const module = model.networks[model.followers[network] ?? network];
    if (module === undefined) {
      const known = [...Object.keys(model.networks), ...Object.keys(model.followers)].join(', ');
      throw new Error(`step: no network '${network}'; model has ${known}`);
    }
    return module;
  }

  parameters(network: string): Params {
    const { io, trainable } = this.options;
    const names = [...this.module(network).parameters.keys()];
    return Object.fromEntries(
      names.map((name) => {
        const full = `${network}.${name}`;
        return [name, trainable[full] ?? detached(io.read(full))] as const;
      }),
    );
  }

  state(name: string): Tensor {
    return this.options.io.read(name);
  }

  bank(name: string): Bank {
    const { model, io } = this.options;
    const count = model.state[name]?.shape[0];
    if (count === undefined) throw new Error(`step: no state '${name}' with rows`);
    return { count, rows: (indices) => io.readRows(name, indices), all: () => io.read(name) };
  }

  /** How many times this has happened, this time included. */
  private count(what: string): number {
    const times = (this.calls.get(what) ?? 0) + 1;
    this.calls.set(what, times);
    return times;
  }

  private layers(prefix: string, call: Pick<LayerContext, 'copies' | 'learns'>): LayerContext {
    const { io, replica, replicas } = this.options;
    const { copies = 1 } = call;
    return {
      ...call,
      train: true,
      replicas,
      buffer: (name) =>
        this.buffers.get(prefix + name) ?? io.read(bufferState(replica, prefix + name)),
      update: (name, value) => {
        this.buffers.set(prefix + name, value);
      },
      chance: (name, make) => {
        if (copies > 1) throw new Error(`step: ${prefix}${name}: copies would share their chance`);
        return this.chance(prefix + name, make);
      },
      ...(this.options.preciseNorms
        ? { counted: (values) => void this.positions.set(prefix, values) }
        : {}),
      meeting: (name) => {
        const call = this.count(prefix + name);
        return this.options.meetings.at(`${prefix}${name}#${call}`, replica);
      },
      scope: (inner) => this.layers(prefix + inner, call),
    };
  }
}

/**
 * A key made of a name and a replica. Mixed with the key of the step it gives each value draws of
 * its own.
 */
function keyOf(name: string, replica: number): Int32Array {
  const digest = createHash('sha256')
    .update(JSON.stringify([name, replica]))
    .digest();
  return Int32Array.of(digest.readInt32LE(0), digest.readInt32LE(4));
}

/** Before the name of what one replica of several takes or gives. */
export function rankPrefix(replica: number, replicas: number): string {
  return replicas > 1 ? `rank${replica}.` : '';
}

/** The state that holds a buffer of a replica: the first one's has the plain name. */
export function bufferState(replica: number, name: string): string {
  return replica === 0 ? name : `replica${replica}.${name}`;
}
