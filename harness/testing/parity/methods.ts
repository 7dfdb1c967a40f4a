import { UserError } from '../../base/errors.ts';
import { concatenated, type HostArray, hostArray, type TypedArray } from '../../engine/array.ts';
import { startEngine } from '../../engine/index.ts';
import { toOIHW, transpose4 } from '../../engine/layout.ts';
import type { TensorSpec } from '../../engine/program.ts';
import { type BoundMethod, NO_DATA } from '../../experiment/method.ts';
import { resnet } from '../../nn/resnet.ts';
import { optimizerState } from '../../optim/apply.ts';
import { resolveRules } from '../../optim/rules.ts';
import { accumulatorState, type StepDefinition, trainableNames } from '../../step/definition.ts';
import { Learner, type Tensors } from '../../step/learner.ts';
import { exactCompat } from '../exact_compat.ts';
import { stateHost } from '../state_host.ts';
import type { Comparisons } from './agreement.ts';
import { flat, viewOf } from './arrays.ts';
import type { Fixture } from './fixture.ts';
import { Gradients } from './gradients.ts';
import { withoutIdleRules } from './paramwise.ts';
import type { MethodReading, MethodSpecs } from './reading.ts';
import type { ParityCase } from './run.ts';
import { onServer, prefixOf } from './share.ts';

/**
 * Training steps of a method against the reference: losses, outputs of modules, gradients with
 * respect to outputs and parameters, then the whole state and how far it moved, at every step.
 */
export function methodCase(reading: MethodReading): ParityCase {
  return {
    methods: reading.cases ?? [reading.method.kind],
    run: async (fixture, comparisons, share) => {
      await startEngine();
      const specs = reading.specs(fixture);
      const method = reading.method.bind(specs.method);
      const replay = replayOf(fixture, reading);
      const definition = { ...definitionOf(fixture, specs, method), replay };
      const { layout, ranks } = share;
      const learner = new Learner(definition, { observe: true, layout, ...onServer(share) });
      try {
        await learner.meet();
        let before = await initial(fixture, learner, specs, reading);
        const gradients = new Gradients(specs.accumulate ?? 1);
        for (let step = 1; step <= specs.steps; step++) {
          const given = Object.entries(reading.given?.(fixture, step) ?? {});
          await learner.program.writeStates(given);
          const outputs = await runStep(fixture, learner, reading, specs, { step, ranks });
          for (const [name, value] of outputs)
            comparisons.addNearest(name, gradients.meanings(step, name, value));
          reading.also?.({ fixture, step, outputs, ranks }, comparisons);
          await afterStep(fixture, learner, reading, step);
          const after = withAliases(await learner.save(), reading.aliases);
          compareState(comparisons, fixture.worldSize, step, before, after);
          for (const [name, value] of Object.entries(specs.host ?? {}))
            comparisons.add(`step${step}.state.${name}`, number(value(step - 1)));
          before = after;
        }
      } finally {
        learner.dispose();
      }
    },
  };
}

function definitionOf(fixture: Fixture, specs: MethodSpecs, method: BoundMethod): StepDefinition {
  const { batch, size, backbone, compat } = specs;
  const replicas = fixture.worldSize;
  method.check({ replicas, batch, dropLast: true });
  const model = method.model(resnet(backbone), specs.data ?? NO_DATA);
  const optimizer = withoutIdleRules(specs.optimizer, trainableNames(model));
  return {
    method,
    model,
    replicas,
    batch,
    size,
    optimizer,
    channels: model.input?.channels ?? backbone.channels,
    accumulate: specs.accumulate ?? 1,
    precision: 'fp32',
    rules: resolveRules(optimizer, trainableNames(model)),
    compat: { ...exactCompat, larsZeroNorm: 'original', ...compat },
  };
}

/** Sets the state to the fixture's. All of it must be there, and nothing else. */
async function initial(
  fixture: Fixture,
  learner: Learner,
  { host = {} }: MethodSpecs,
  { aliases, given }: MethodReading,
): Promise<Tensors> {
  await learner.initialise(0);
  const others = given?.(fixture, 1) ?? {};
  const own = withAliases(await learner.save(), aliases);
  const names = trainableNames(learner.definition.model);
  const learning = names.map((name) => ({ name, shape: [] }));
  const moved = optimizerState(learner.definition.optimizer, learning).map(({ name }) => name);
  const zeros = new Set([...moved, ...names.map(accumulatorState)]);
  for (const input of fixture.inputs) {
    const [, name] = /^init\.(.*)$/.exec(input) ?? [];
    if (name !== undefined && !own.has(name) && !Object.hasOwn(host, name))
      throw new UserError(`${input}: the network built from the case has no such tensor`);
  }
  const values = new Map([...own].map(([name, value]) => [name, value] as const));
  for (const [name, { shape }] of own) {
    if (zeros.has(name) || Object.hasOwn(others, name)) continue; // 0, or given step by step
    const [rank, plain] = rankOf(name);
    const ranked = `rank${rank}.init.${plain}`;
    const value = fixture.input(fixture.inputs.includes(ranked) ? ranked : `init.${plain}`);
    const scalar = shape.length === 0 && value.data.length === 1; // stored with shape [1]
    if (!scalar && String(value.shape) !== String(shape))
      throw new UserError(`init.${plain}: found shape [${value.shape}], expected [${shape}]`);
    values.set(name, scalar ? hostArray(value.dtype, [], value.data) : value);
  }
  await learner.restore(values);
  return values;
}

function withAliases(state: Tensors, aliases: MethodReading['aliases'] = {}): Tensors {
  const more = Object.entries(aliases).flatMap(([theirs, ours]) => {
    const value = state.get(ours);
    return value === undefined ? [] : [[theirs, value] as const];
  });
  return new Map([...state, ...more]);
}

/** The method's own code after a step, with the fixture's choices: `rng.stepN.NAME`. */
async function afterStep(
  fixture: Fixture,
  learner: Learner,
  { chosen }: MethodReading,
  step: number,
): Promise<void> {
  const host = stateHost(learner, (purpose) => {
    if (chosen === undefined) throw new UserError(`no choice is known of ${purpose.join(' ')}`);
    return Int32Array.from(flat(fixture.input(`rng.step${step}.${chosen(purpose)}`).data));
  });
  const at = { step: step - 1, epoch: 0, epochStep: step - 1, images: 0, outputs: {} };
  await learner.definition.method.afterStep?.(host, at);
}

async function runStep(
  fixture: Fixture,
  learner: Learner,
  reading: MethodReading,
  { optimizer, steps, scheduled = steps, accumulate = 1, rates = [] }: MethodSpecs,
  { step, ranks }: { readonly step: number; readonly ranks: readonly number[] },
): Promise<Tensors> {
  const { draws = {}, replay = {}, labels, indices, views = plainViews } = reading;
  const { method, replicas, batch, size, channels } = learner.definition;
  const prefixes = Array.from({ length: replicas }, (_, r) => prefixOf(r, replicas));
  const images = ranks.map((rank) => {
    const name = `${prefixOf(rank, replicas)}in.step${step}.img`;
    return views(fixture.input(name), name, { batch, views: method.views, channels, size });
  });
  const inputs: Record<string, TypedArray> = {
    indices: Int32Array.from({ length: replicas * batch }, (_, i) => i),
  };
  const moves = step % accumulate === 0;
  if (moves) inputs.learning_rate = Float32Array.of(rates[step - 1] ?? optimizer.lr);
  const perRank = (name: string) =>
    Int32Array.from(
      prefixes.flatMap((prefix) => {
        const key = `${prefix}in.step${step}.${name}`;
        return flat(expectShape(key, fixture.input(key), [batch]).data);
      }),
    );
  if (indices !== undefined) inputs.indices = perRank(indices);
  if (labels !== undefined) inputs.labels = perRank(labels);
  if (method.chance) inputs.chance = new Int32Array(2);
  const scalars = method.scalars({ step: step - 1, steps: scheduled });
  for (const [name, value] of Object.entries(scalars))
    inputs[`scalar.${name}`] = Float32Array.of(value);
  for (const prefix of prefixes)
    for (const [ours, { name, dtype }] of Object.entries(replay)) {
      const { data } = fixture.input(`${prefix}rng.step${step}.${name}`);
      const values = flat(data);
      inputs[`replay.${prefix}${ours}`] =
        dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
    }
  for (let v = 0; v < method.views; v++)
    inputs[`view${v}`] = concatenated(images.map((image) => image[v] ?? new Float32Array()));
  for (const [ours, theirs] of Object.entries(draws)) {
    const name = `rng.step${step}.${theirs}`;
    const { data } = expectShape(name, fixture.input(name), [replicas * batch]);
    inputs[`draw.${ours}`] = Int32Array.from(flat(data));
  }
  const outputs = await learner.program.run(moves ? 'step' : 'micro', inputs);
  return new Map(
    Object.entries(outputs).map(([name, value]) => [
      namedOutput(name, step, reading),
      inFileLayout(name, value),
    ]),
  );
}

/** [N, V, C, H, W], or [N, C, H, W] where there is one view. */
const plainViews: NonNullable<MethodReading['views']> = (images, name, shape) => {
  const { batch, views, channels, size } = shape;
  expectShape(name, images, [batch, ...(views > 1 ? [views] : []), channels, size, size]);
  return Array.from({ length: views }, (_, v) => viewOf(images, v));
};

/** What is fed in place of random values: shapes are the fixture's. */
function replayOf(fixture: Fixture, { replay = {} }: MethodReading): Record<string, TensorSpec> {
  const { worldSize } = fixture;
  const prefixes = Array.from({ length: worldSize }, (_, r) => prefixOf(r, worldSize));
  return Object.fromEntries(
    prefixes.flatMap((prefix) =>
      Object.entries(replay).map(([ours, { name, dtype }]) => {
        const { shape } = fixture.input(`${prefix}rng.step1.${name}`);
        return [`${prefix}${ours}`, { dtype, shape }] as const;
      }),
    ),
  );
}

/** The value itself. @throws UserError where it has another shape. */
export function expectShape(name: string, value: HostArray, shape: readonly number[]): HostArray {
  if (String(value.shape) === String(shape)) return value;
  throw new UserError(`${name}: found shape [${value.shape}], expected [${shape}]`);
}

/** `loss` → `step1.out.loss`, `rank0.out.X` → `rank0.step1.out.X`. */
function namedOutput(name: string, step: number, { outputs = {} }: MethodReading): string {
  if (name === 'loss') return `step${step}.out.loss`;
  return name
    .replace(/^(rank\d+\.)?/, `$1step${step}.`)
    .replace(/(\.(?:out|grad_wrt)\.)([^.#]+)/, (_, kind, own) => kind + (outputs[own] ?? own));
}

function number(value: number): HostArray {
  return hostArray('float64', [1], Float64Array.of(value));
}

/** Gradients of filters lie [O, I, H, W] in files, outputs of modules [N, C, H, W]. */
function inFileLayout(name: string, value: HostArray): HostArray {
  if (value.shape.length !== 4) return value;
  return /(^|\.)(local_)?grad\./.test(name) ? toOIHW(value) : transpose4(value, [0, 3, 1, 2]);
}

/** A buffer that the case lists once must be the same on all ranks, so each is held to it. */
function compareState(
  comparisons: Comparisons,
  worldSize: number,
  step: number,
  before: Tensors,
  after: Tensors,
): void {
  for (const [name, value] of after) {
    const [rank, plain] = rankOf(name);
    const from = before.get(name);
    comparisons.add(`step${step}.state.${plain}`, value, from);
    if (worldSize > 1) comparisons.add(`rank${rank}.step${step}.state.${plain}`, value, from);
  }
}

/** `replica1.P` → [1, P]; a plain name is the first rank's, or everyone's. */
function rankOf(name: string): readonly [number, string] {
  const [, rank = '0', plain = name] = /^(?:replica(\d+)\.)?(.*)$/.exec(name) ?? [];
  return [Number(rank), plain];
}
