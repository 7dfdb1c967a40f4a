import { UserError } from '../base/index.ts';
import { gatherOf } from '../cluster/collectives.ts';
import { alone, type Layout } from '../cluster/layout.ts';
import { broadcastOf } from '../cluster/transport.ts';
import { type HostArray, hostArray, zeros } from '../engine/array.ts';
import { toHWIO, toOIHW, transpose2 } from '../engine/layout.ts';
import { releaseHostCopies } from '../engine/native/release.ts';
import { Program, type ProgramOptions, type TensorSpec } from '../engine/program.ts';
import type { BoundModel, Metrics, StateSpec } from '../experiment/index.ts';
import { initialValue } from '../nn/initialise.ts';
import type { ParameterSpec } from '../nn/module.ts';
import { optimizerState } from '../optim/apply.ts';
import { lossScaleState } from '../optim/loss_scale.ts';
import { stream } from '../random/stream.ts';
import { accumulatorState, type StepDefinition, trainableNames } from './definition.ts';
import { defineFeatures } from './features.ts';
import { defineStep, type StepOptions } from './step.ts';
import { bufferState } from './towers.ts';

const PERCENT = 100;

/** Tensors by their names in files. */
export type Tensors = ReadonlyMap<string, HostArray>;

export type LearnerOptions = ProgramOptions & StepOptions;

/** Everything a run changes: parameters, statistics, queues, momentum, as one compiled program. */
export class Learner {
  readonly program: Program;
  readonly definition: StepDefinition;
  /** Outputs of the step that are shares of 0 to 1, shown in percent. */
  private readonly shares: ReadonlySet<string>;
  private readonly specs: ReadonlyMap<string, TensorSpec>;
  private readonly layout: Layout;
  /** Whether the graph is the one that the experiment has by itself: all replicas here, side by side. */
  readonly ordinary: boolean;

  /** Declares the state and traces the training step. */
  constructor(definition: StepDefinition, options: LearnerOptions = {}) {
    const { observe, layout = alone(definition.replicas), sequential, ...settings } = options;
    this.definition = definition;
    this.layout = layout;
    this.ordinary = layout.processes === 1 && !(sequential ?? false);
    this.program = new Program(settings);
    this.specs = stateOf(definition);
    for (const [name, spec] of this.specs) this.program.state(name, spec);
    const { shares } = defineStep(this.program, definition, { observe, layout, sequential });
    this.shares = new Set(shares);
    defineExtraction(this.program, definition);
    for (const [name, entry] of Object.entries(definition.model.entries))
      this.program.entry(name, entry);
    if (layout.processes > 1) defineMeeting(this.program, this.specs, layout);
  }

  /**
   * With several processes, the first thing that all of them do with the program: finds them all in their places.
   * @throws Error where they are not.
   */
  async meet(): Promise<void> {
    const { processes, rank } = this.layout;
    if (processes === 1) return;
    const { ranks } = await this.program.run('meet', { rank: Int32Array.of(rank) });
    if (ranks?.data.some((found, place) => Number(found) !== place))
      throw new Error(`cluster: processes came in the order ${ranks.data}`);
  }

  /** Gives all processes the state of the first. */
  async shareState(): Promise<void> {
    if (this.layout.processes > 1) await this.program.run('share');
  }

  /** Sets the state of a run that begins. Draws are keyed by seed and name alone. */
  async initialise(seed: number): Promise<void> {
    await this.program.writeStates(initialState(this.definition, this.specs, seed));
    await releaseHostCopies();
  }

  /**
   * Metrics of a step, or their means, as people read them: shares in percent. Sums are made of the shares
   * themselves, so that a mean is rounded once before it is multiplied.
   */
  inPercent(metrics: Metrics): Metrics {
    return Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [
        name,
        this.shares.has(name) ? PERCENT * value : value,
      ]),
    );
  }

  /** A copy of the whole state, in the layout and under the names of files. */
  async save(): Promise<Map<string, HostArray>> {
    const names = [...this.specs.keys()];
    const values = await this.program.readStates(names);
    return new Map(
      names.map((name, i) => [name, toFile(this.definition.model, name, values[i], name)] as const),
    );
  }

  /**
   * Sets the state from what `save` gave.
   * @throws UserError when a tensor is missing or has another shape.
   */
  async restore(tensors: Tensors): Promise<void> {
    const { model } = this.definition;
    const missing = [...this.specs.keys()].find((name) => !tensors.has(name));
    if (missing !== undefined)
      throw new UserError(
        `checkpoint: '${missing}' is missing; was it made by another experiment?`,
      );
    const values = function* (names: Iterable<string>) {
      for (const name of names) {
        const value = tensors.get(name);
        if (value !== undefined) yield [name, fromFile(model, name, value)] as const;
      }
    };
    await this.program.writeStates(values(this.specs.keys()));
    await releaseHostCopies();
  }

  dispose(): void {
    this.program.dispose();
  }
}

/** The entries `meet` and `share` of a program of several processes. */
function defineMeeting(
  program: Program,
  specs: ReadonlyMap<string, TensorSpec>,
  layout: Layout,
): void {
  program.entry('meet', {
    inputs: { rank: { dtype: 'int32', shape: [1] } },
    build: ({ inputs: { rank } }) => {
      if (rank === undefined) throw new Error('meet: no rank');
      const each = { ...layout, replicas: layout.processes };
      return { ranks: gatherOf([rank], each) };
    },
  });
  program.entry('share', {
    inputs: {},
    build: (io) => {
      for (const name of specs.keys()) io.assign(name, broadcastOf(io.read(name), layout));
      return {};
    },
  });
}

/** The entry `features` of a model that asks for features between epochs. */
function defineExtraction(program: Program, definition: StepDefinition): void {
  const { model, size, channels, normalise, precision } = definition;
  if (model.features === undefined || normalise === undefined) return;
  const { networks, batch } = model.features;
  const stages = networks.map((name) => {
    const module = model.networks[name];
    if (module === undefined) throw new Error(`model: no network '${name}' for features`);
    return { prefix: `${name}.`, module };
  });
  defineFeatures(program, { stages, batch, size, channels, normalise, precision });
}

function* modulesOf({ networks, followers }: BoundModel) {
  for (const [name, module] of Object.entries(networks)) yield { name, leader: name, module };
  for (const [name, leader] of Object.entries(followers)) {
    const module = networks[leader];
    if (module === undefined) throw new Error(`model: '${name}' follows '${leader}', which is not`);
    yield { name, leader, module };
  }
}

/** Each network with its followers behind it: they begin with the same values. */
function families({ networks, followers }: BoundModel) {
  return Object.entries(networks).map(([leader, module]) => {
    const own = Object.entries(followers).filter(([, of]) => of === leader);
    return { names: [leader, ...own.map(([name]) => name)], module };
  });
}

function stateOf(definition: StepDefinition): Map<string, TensorSpec> {
  const { model, replicas, accumulate, optimizer, lossScale } = definition;
  const state = new Map<string, TensorSpec>();
  for (const { name, module } of modulesOf(model)) {
    for (const [key, spec] of module.parameters) state.set(`${name}.${key}`, specOf(spec));
    for (let r = 0; r < replicas; r++)
      for (const [key, spec] of module.buffers)
        state.set(bufferState(r, `${name}.${key}`), specOf(spec));
  }
  for (const [name, { dtype, shape }] of Object.entries(model.state))
    state.set(name, { dtype, shape });
  const learning = trainableNames(model).map((name) => ({
    name,
    shape: state.get(name)?.shape ?? [],
  }));
  for (const { name, shape } of optimizerState(optimizer, learning))
    state.set(name, { dtype: 'float32', shape });
  if (accumulate > 1)
    for (const { name, shape } of learning)
      state.set(accumulatorState(name), { dtype: 'float32', shape });
  for (const name of lossScaleState(lossScale).keys())
    state.set(name, { dtype: 'float32', shape: [] });
  return state;
}

function specOf({ dtype, shape }: ParameterSpec): TensorSpec {
  return { dtype, shape };
}

function* initialState(
  { model, replicas, lossScale }: StepDefinition,
  specs: ReadonlyMap<string, TensorSpec>,
  seed: number,
): Generator<readonly [string, HostArray]> {
  const done = new Set<string>();
  const make = (name: string, value: HostArray) => {
    done.add(name);
    return [name, value] as const;
  };
  for (const { names, module } of families(model)) {
    const [leader = ''] = names;
    for (const [key, spec] of module.parameters) {
      const value = initialValue(spec, stream(seed, 'init', `${leader}.${key}`));
      for (const name of names) yield make(`${name}.${key}`, value);
    }
    for (const [key, spec] of module.buffers) {
      const value = initialValue(spec, stream(seed, 'init', `${leader}.${key}`));
      for (const name of names)
        for (let r = 0; r < replicas; r++) yield make(bufferState(r, `${name}.${key}`), value);
    }
  }
  for (const [name, spec] of Object.entries(model.state))
    yield make(name, spec.initial(stream(seed, 'state', name)));
  for (const [name, value] of lossScaleState(lossScale))
    yield make(name, hostArray('float32', [], Float32Array.of(value)));
  for (const [name, { dtype, shape }] of specs)
    if (!done.has(name)) yield [name, zeros(dtype, shape)];
}

/** Convolutions lie [O, I, H, W] in files; a method's own state as its spec says. */
function toFile(
  model: BoundModel,
  name: string,
  value: HostArray | undefined,
  key: string,
): HostArray {
  if (value === undefined) throw new Error(`state: '${key}' could not be read`);
  const own: StateSpec | undefined = model.state[name];
  if (own?.file === 'transposed') return transpose2(value);
  if (own?.file === 'int64') return hostArray('int64', value.shape, widened(value));
  return value.shape.length === 4 ? toOIHW(value) : value;
}

function fromFile(model: BoundModel, name: string, value: HostArray): HostArray {
  const own = model.state[name];
  if (own?.file === 'transposed') return transpose2(value);
  if (own?.file === 'int64')
    return hostArray('int32', value.shape, Int32Array.from([...value.data], Number));
  return value.shape.length === 4 ? toHWIO(value) : value;
}

function widened({ data }: HostArray): BigInt64Array {
  return BigInt64Array.from([...data], (x) => BigInt(x));
}
