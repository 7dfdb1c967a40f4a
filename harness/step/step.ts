import { everyonesOf } from '../cluster/collectives.ts';
import { alone, type Layout, ownReplicas } from '../cluster/layout.ts';
import { Meetings } from '../cluster/meetings.ts';
import { reduceGradients } from '../cluster/reduce.ts';
import { runReplicas } from '../cluster/replicas.ts';
import { treeSum } from '../cluster/tree.ts';
import type { Batch } from '../data/loader/batch.ts';
import type { HostArray } from '../engine/array.ts';
import { castTo, identity } from '../engine/op.ts';
import { lastOfEach } from '../engine/ops/indexing.ts';
import type { Io, Program } from '../engine/program.ts';
import { detached, type Tensor, tf } from '../engine/tf.ts';
import type { Outcome, StateChange } from '../experiment/index.ts';
import type { Params } from '../nn/module.ts';
import { applyOptimizer } from '../optim/apply.ts';
import { type LossScale, lossScaleOf } from '../optim/loss_scale.ts';
import { accumulatorState, type StepDefinition, trainableNames } from './definition.ts';
import { normalised } from './features.ts';
import { oneByOne, ownPart } from './sequential.ts';
import { type StepNumbers, stepFeeds, stepInputs } from './step_inputs.ts';
import { bufferState, type Observations, rankPrefix, Tower } from './towers.ts';

export interface StepOptions {
  readonly observe?: boolean | undefined;
  /** Where replicas live; all in this process unless given. Never changes a result bit. */
  readonly layout?: Layout | undefined;
  /** The replicas of this process one after another. Never changes a result bit. */
  readonly sequential?: boolean | undefined;
}

interface Traced {
  readonly observe: boolean;
  readonly layout: Layout;
  readonly sequential: boolean;
}

/**
 * Traces the training step into a program whose state is declared. Entries: `step` moves the
 * optimiser; `micro`, where gradients are accumulated, only adds to them. Outputs: `loss` and the
 * method's shares and metrics, averaged over replicas; with `observe` also what each replica's networks
 * took and gave, its metrics and what its outcome has to be observed, and gradients as `grad.P`.
 * @returns the names of outputs that are shares
 */
export function defineStep(
  program: Program,
  definition: StepDefinition,
  { observe = false, layout = alone(definition.replicas), sequential = false }: StepOptions = {},
): { readonly shares: readonly string[] } {
  const { accumulate } = definition;
  let shares: readonly string[] = [];
  const entry = (name: string, last: boolean) =>
    program.entry(name, {
      ...stepInputs(definition, last, layout),
      build: (io) => {
        const trace = new StepTrace(io, definition, { observe, layout, sequential });
        const outputs = trace.build(last);
        ({ shares } = trace);
        return outputs;
      },
    });
  if (accumulate > 1) entry('micro', false);
  entry('step', true);
  if (definition.preciseNorms)
    program.entry('norms', {
      ...stepInputs(definition, false, layout),
      build: (io) => new StepTrace(io, definition, { observe: false, layout, sequential }).norms(),
    });
  return { shares };
}

/** Runs one micro-step. */
export function runStep(
  program: Program,
  batch: Batch,
  numbers: StepNumbers,
): Promise<Record<string, HostArray>> {
  const entry = numbers.rate === undefined ? 'micro' : 'step';
  return program.run(entry, stepFeeds(batch, numbers), batch.sizes);
}

class StepTrace {
  private readonly io: Io;
  private readonly definition: StepDefinition;
  private readonly layout: Layout;
  /** The replicas that are traced here. */
  private readonly own: readonly number[];
  private readonly observed: Observations | undefined;
  private readonly sequential: boolean;
  private readonly names: readonly string[];
  private readonly lossScale: LossScale;
  /** Names of outputs that are shares; known after `build`. */
  shares: readonly string[] = [];

  constructor(io: Io, definition: StepDefinition, options: Traced) {
    const { observe, layout, sequential } = options;
    this.io = io;
    this.definition = definition;
    this.sequential = sequential;
    this.layout = layout;
    this.own = ownReplicas(layout);
    this.observed = observe ? new Map() : undefined;
    this.names = trainableNames(definition.model);
    this.lossScale = lossScaleOf(io, definition.lossScale);
  }

  build(last: boolean): Record<string, Tensor> {
    const { towers, outcomes, gradients } = this.differentiate();
    const mean = this.lossScale.unscaled(reduceGradients(gradients, this.layout));
    const [first] = outcomes;
    if (first === undefined) throw new Error('step: no replica');
    this.keepBuffers(towers);
    this.change(first);
    const scaling = this.learn(mean, last);
    if (last) this.follow(first);
    const outputs = { ...this.averaged(outcomes), ...scaling };
    this.shares = Object.keys(first.shares ?? {});
    if (this.observed === undefined) return outputs;
    return { ...outputs, ...this.observations(this.observed, outcomes, mean, gradients) };
  }

  /** The forward pass alone: statistics of this batch by the buffer that they belong to, and `positions.NORM`. */
  norms(): Record<string, Tensor> {
    const views = this.views();
    const meetings = new Meetings(this.layout);
    const parameters = this.names.map((name) => detached(this.io.read(name)));
    const towers = this.own.map((replica) =>
      this.tower(replica, views, parameters, meetings, true),
    );
    runReplicas(
      towers.map((tower, i) => ownPart(i, () => this.definition.method.loss(tower))),
      meetings,
    );
    meetings.close();
    const own = towers.map(({ buffers, positions }) => {
      const counts = [...positions].map(
        ([prefix, n]) => [`positions.${prefix}`, identity(tf.scalar(n))] as const,
      );
      return new Map([...buffers, ...counts].filter(([name]) => !name.endsWith(COUNTER)));
    });
    const all = this.layout.processes === 1 ? own : everyonesOf(own, this.layout);
    return Object.fromEntries(
      all.flatMap((values, replica) =>
        [...values].map(([name, value]) => [bufferState(replica, name), value] as const),
      ),
    );
  }

  /** Every process keeps the running statistics of all replicas, so that each has the whole state at any time. */
  private keepBuffers(towers: readonly Tower[]): void {
    const own = towers.map(({ buffers }) => buffers);
    const all = this.layout.processes === 1 ? own : everyonesOf(own, this.layout);
    all.forEach((buffers, replica) => {
      for (const [name, value] of buffers) this.io.assign(bufferState(replica, name), value);
    });
  }

  /** Loss, shares and metrics: means over replicas. */
  private averaged(outcomes: readonly Outcome[]): Record<string, Tensor> {
    const own = outcomes.map(({ loss, shares, metrics }) => ({ loss, ...shares, ...metrics }));
    if (this.layout.processes === 1) return means(own);
    const named = own.map((values) => new Map<string, Tensor>(Object.entries(values)));
    return means(everyonesOf(named, this.layout).map((values) => Object.fromEntries(values)));
  }

  /** What each replica's part of the step can be told apart by, under the names of `defineStep`. */
  private observations(
    observed: Observations,
    outcomes: readonly Outcome[],
    mean: readonly Tensor[],
    gradients: readonly (readonly Tensor[])[],
  ): Record<string, Tensor> {
    const { replicas } = this.definition;
    const found = new Map(observed);
    outcomes.forEach(({ metrics, observed: more }, i) => {
      const r = this.own[i] ?? 0;
      for (const [name, value] of Object.entries({ ...metrics, ...more }))
        found.set(`${rankPrefix(r, replicas)}out.${name}`, value);
    });
    const outputs: Record<string, Tensor> = {};
    for (const [name, value] of found) outputs[name] = castTo(value, 'float32');
    this.names.forEach((name, p) => {
      outputs[`grad.${name}`] = mean[p] ?? missing(name);
    });
    if (replicas > 1)
      outcomes.forEach(({ loss }, i) => {
        const r = this.own[i] ?? 0;
        outputs[`rank${r}.out.loss`] = loss;
        this.names.forEach((name, p) => {
          outputs[`rank${r}.local_grad.${name}`] = gradients[i]?.[p] ?? missing(name);
        });
      });
    return outputs;
  }

  /** Every replica's loss and gradients. Parameters are aliased, so that gradients stay apart. */
  private differentiate() {
    const aliases = this.own.map(() => this.names.map((name) => detached(this.io.read(name))));
    let towers: Tower[] = [];
    let outcomes: Outcome[] = [];
    const views = this.views();
    const meetings = new Meetings(this.layout);
    const total = (...flat: Tensor[]) => {
      const count = this.names.length;
      towers = this.own.map((replica, i) =>
        this.tower(replica, views, flat.slice(i * count, (i + 1) * count), meetings),
      );
      outcomes = runReplicas(
        towers.map((tower, i) => ownPart(i, () => this.definition.method.loss(tower))),
        meetings,
      );
      return this.lossScale.scaled(treeSum(outcomes.map(({ loss }) => loss)));
    };
    const flat = gradientsOf(total, aliases.flat());
    meetings.close();
    const count = this.names.length;
    const gradients = aliases.map((_, r) => flat.slice(r * count, (r + 1) * count));
    if (this.sequential) oneByOne(gradients);
    return { towers, outcomes, gradients };
  }

  private tower(
    replica: number,
    views: readonly Tensor[],
    trainable: readonly Tensor[],
    meetings: Meetings,
    preciseNorms = false,
  ): Tower {
    const { model, replicas, batch, size, precision, method, compat } = this.definition;
    const { views: pixels, make } = this.pixels();
    const named: Params = Object.fromEntries(
      this.names.map((name, p) => [name, trainable[p] ?? missing(name)] as const),
    );
    return new Tower({
      model,
      replicas,
      batch,
      size,
      precision,
      compat,
      replica,
      firstReplica: this.own[0] ?? 0,
      ownReplicas: this.own.length,
      views,
      ...(make === undefined ? {} : { raw: { views: pixels, make } }),
      meetings,
      preciseNorms,
      io: this.io,
      trainable: named,
      indices: this.input('indices'),
      ...(model.cached === undefined ? {} : { rows: this.input('rows') }),
      draws: Object.fromEntries(method.draws.map((name) => [name, this.input(`draw.${name}`)])),
      ...(method.labels ? { labels: this.input('labels') } : {}),
      ...(method.chance ? { chance: this.input('chance') } : {}),
      input: (name) => this.io.inputs[name],
      ...(this.observed === undefined ? {} : { observed: this.observed }),
    });
  }

  private views(): Tensor[] {
    const pixels = this.pixels();
    return pixels.make === undefined ? pixels.views : pixels.views.map(pixels.make);
  }

  /** What views are made of, and how, unless they come as they are. */
  private pixels() {
    const { method, model, normalise } = this.definition;
    const count = model.cached === undefined ? method.views : 0;
    const views = Array.from({ length: count }, (_, v) => this.input(`view${v}`));
    if (normalise === undefined || count === 0) return { views, make: undefined };
    const { mean, std } = normalise;
    const make = (view: Tensor) => normalised(castTo(view, 'float32'), mean, std);
    return { views, make };
  }

  private input(name: string): Tensor {
    return this.io.inputs[name] ?? missing(name);
  }

  private change({ followers = {}, state = {} }: Outcome): void {
    for (const [network, params] of Object.entries(followers))
      for (const [name, value] of Object.entries(params))
        this.io.assign(`${network}.${name}`, value);
    for (const [name, value] of Object.entries(state)) this.set(name, value);
  }

  private set(name: string, change: StateChange): void {
    if ('at' in change) {
      const values = lastOfEach(change.at, change.values);
      this.io.apply('ResourceScatterUpdate', [name], [change.at, values]);
      return;
    }
    if (!('from' in change)) {
      this.io.assign(name, change);
      return;
    }
    const { from, values } = change;
    const end = tf.add(from, tf.scalar(values.shape[0] ?? 0, 'int32'));
    const stride = tf.tensor1d([1], 'int32');
    this.io.apply('ResourceStridedSliceAssign', [name], [from, end, stride, values]);
  }

  /** Moves followers after the optimiser has moved what they follow. */
  private follow({ afterUpdate }: Outcome): void {
    if (afterUpdate === undefined) return;
    const { networks } = this.definition.model;
    const moved = afterUpdate((network) => {
      const names = [...(networks[network] ?? missing(network)).parameters.keys()];
      return Object.fromEntries(
        names.map((name) => [name, this.io.readAfter(`${network}.${name}`)] as const),
      );
    });
    for (const [network, params] of Object.entries(moved))
      for (const [name, value] of Object.entries(params))
        this.io.assign(`${network}.${name}`, value);
  }

  /** @returns what the loss scale has to say */
  private learn(gradients: readonly Tensor[], last: boolean): Record<string, Tensor> {
    const { accumulate, optimizer, rules, compat } = this.definition;
    const totals = gradients.map((gradient, p) => this.accumulated(this.names[p] ?? '', gradient));
    if (!last) {
      this.names.forEach((name, p) => {
        this.io.assign(accumulatorState(name), totals[p] ?? missing(name));
      });
      return this.lossScale.waiting();
    }
    if (accumulate > 1)
      for (const name of this.names)
        this.io.assign(accumulatorState(name), tf.zerosLike(this.io.read(accumulatorState(name))));
    const scale = tf.scalar(1 / accumulate);
    const parameters = this.names.map((name, p) => ({
      name,
      gradient:
        accumulate > 1 ? tf.mul(totals[p] ?? missing(name), scale) : (totals[p] ?? missing(name)),
      rule: rules.get(name) ?? missing(name),
    }));
    const movesZeros = compat.larsZeroNorm === 'exact';
    return this.lossScale.update(totals, (io) =>
      applyOptimizer(io, optimizer, parameters, this.input('learning_rate'), movesZeros),
    );
  }

  private accumulated(name: string, gradient: Tensor): Tensor {
    const { accumulate } = this.definition;
    return accumulate > 1 ? tf.add(this.io.read(accumulatorState(name)), gradient) : gradient;
  }
}

/** Batches that a norm has seen; not moved by `norms`. */
const COUNTER = 'num_batches_tracked';

/**
 * As `tf.grads`, with an error that says what the method did wrong: its loss leaves something out.
 */
function gradientsOf(total: (...parameters: Tensor[]) => Tensor, parameters: Tensor[]): Tensor[] {
  try {
    return tf.grads(total)(parameters);
  } catch (cause) {
    if (!String(cause).includes('Cannot compute gradient')) throw cause;
    const rule =
      'every network that is no follower has to reach the loss, and not through detached';
    throw new Error(`step: the loss does not depend on some parameters: ${rule}`, { cause });
  }
}

/** Means in the fixed tree over replicas. */
function means(all: readonly Readonly<Record<string, Tensor>>[]): Record<string, Tensor> {
  return Object.fromEntries(
    Object.keys(all[0] ?? {}).map((name) => [
      name,
      overReplicas(all.map((values) => values[name] ?? missing(name))),
    ]),
  );
}

function overReplicas(values: readonly Tensor[]): Tensor {
  const sum = treeSum(values);
  return values.length === 1 ? sum : tf.mul(sum, tf.scalar(1 / values.length));
}

function missing(name: string | undefined): never {
  throw new Error(`step: '${name}' is missing`);
}
