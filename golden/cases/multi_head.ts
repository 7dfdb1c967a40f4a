import { z } from 'zod';
import { UserError } from '../../harness/base/errors.ts';
import { type HostArray, hostArray, zeros } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import { type Io, Program } from '../../harness/engine/program.ts';
import { detached, type Tensor, tf } from '../../harness/engine/tf.ts';
import { classification } from '../../harness/nn/heads.ts';
import type { LayerContext, Module, ParameterSpec, Params } from '../../harness/nn/module.ts';
import { multiHead } from '../../harness/nn/multi_head.ts';
import { applyOptimizer, optimizerState } from '../../harness/optim/apply.ts';
import { type ParameterRule, resolveRules } from '../../harness/optim/rules.ts';
import type { OptimizerSpec } from '../../harness/optim/spec.ts';
import { layerContext } from '../../harness/testing/layer_context.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import { agree } from '../../harness/testing/parity/configs.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { modelFields } from '../../harness/testing/parity/heads.ts';
import { expectShape } from '../../harness/testing/parity/methods.ts';
import { normConfig } from '../../harness/testing/parity/norm_config.ts';
import { withoutIdleRules } from '../../harness/testing/parity/paramwise.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { learning, learningOf } from '../../harness/testing/parity/training.ts';
import { unsupported } from '../../harness/testing/parity/unsupported.ts';

const Indices = z.array(z.int().min(0).max(4)).min(1);
const count = z.int().positive();
const HyperParameters = z.looseObject({
  ...learning,
  classes: count.optional(),
  in_indices: Indices.optional(),
});
const Model = z.strictObject({
  type: z.literal('MultiClsHead'),
  ...modelFields,
  pool_type: z.enum(['adaptive', 'specified']).default('adaptive'),
  in_indices: Indices.default([0]),
  with_last_layer_unpool: z.boolean().default(false),
  backbone: z.literal('resnet50').default('resnet50'),
  /** `type: null`: no norms. */
  norm_cfg: z
    .union([z.looseObject({ type: z.literal('null') }), normConfig])
    .prefault({ type: 'BN' }),
  num_classes: count.default(1000),
});

/** Values of the last level of a ResNet-50 on 224 x 224 pixels, which alone the original takes whole. */
const WHOLE = 2048 * 7 * 7;

/** Of names in files. */
const PREFIX = 'head.';

/** What a case builds: heads, the names of their features, and how they learn. */
interface Heads {
  readonly modules: readonly Module[];
  readonly features: readonly string[];
  readonly parameters: ReadonlyMap<string, ParameterSpec>;
  readonly buffers: ReadonlyMap<string, ParameterSpec>;
  readonly optimizer: OptimizerSpec;
  /** The learning rate of every step; the optimizer's by default. */
  readonly rates: readonly number[];
  readonly batch: number;
  readonly classes: number;
}

/** Linear classifiers on several levels of features at once, of the linear benchmark. */
export const multiHeadCase: ParityCase = {
  methods: ['linear_multihead'],
  run: async (fixture, comparisons) => {
    if (fixture.worldSize !== 1)
      throw new UserError(`world_size: found ${fixture.worldSize}, expected 1`);
    await startEngine();
    const { steps } = fixture.field('hyper_parameters', HyperParameters);
    const heads = headsOf(fixture);
    const program = compile(fixture, heads);
    try {
      const states = [...program.stateSpecs()].map(
        ([name, spec]) =>
          [name, heldBy(heads, name) ? initial(fixture, name) : blank(spec)] as const,
      );
      await program.writeStates(states);
      const before = new Map(states);
      for (let step = 1; step <= steps; step++) {
        const outputs = await program.run('step', inputsOf(fixture, heads, step));
        for (const [name, value] of Object.entries(outputs))
          comparisons.add(`step${step}.${name}`, value);
        for (const name of [...heads.parameters.keys(), ...heads.buffers.keys()]) {
          const now = await program.readState(name);
          comparisons.add(`step${step}.state.${name}`, now, before.get(name));
          before.set(name, now);
        }
      }
    } finally {
      program.dispose();
    }
  },
};

function headsOf(fixture: Fixture): Heads {
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const model = fixture.field('model', Model);
  const { norm_cfg, in_indices: levels, num_classes: classes } = model;
  agree('classes', parameters.classes, classes);
  agree('in_indices', parameters.in_indices?.join(), levels.join());
  const whole = model.with_last_layer_unpool ? levels.slice(-1) : [];
  const features = [...levels, ...whole].map((level) => `feat${level + 1}`);
  const modules = multiHead({
    levels: levels.map((level, i) => {
      const name = `in.step1.${features[i]}`;
      const [, channels = 0] = expectMap(name, fixture.input(name), parameters.batch).shape;
      return { level, channels };
    }),
    classes,
    pool: model.pool_type,
    ...normOf(norm_cfg),
    ...(whole.length > 0 ? { whole: WHOLE } : {}),
  });
  const named = (of: (module: Module) => Module['parameters']) =>
    new Map(
      modules.flatMap((module) => [...of(module)].map(([key, spec]) => [PREFIX + key, spec])),
    );
  const own = named((module) => module.parameters);
  const { optimizer, accumulate = 1, rates = [] } = learningOf(fixture, parameters);
  if (accumulate > 1)
    throw unsupported('update_interval', 'steps of these heads are not accumulated here');
  const heads = {
    modules,
    features,
    classes,
    rates,
    batch: parameters.batch,
    parameters: own,
    buffers: named((module) => module.buffers),
    optimizer: withoutIdleRules(optimizer, learningNames(own)),
  };
  for (const input of fixture.inputs)
    if (input.startsWith('init.') && !heldBy(heads, input.slice('init.'.length)))
      throw new UserError(`${input}: the heads built from the case have no such tensor`);
  return heads;
}

function normOf(norm: z.output<typeof Model>['norm_cfg']) {
  if ('type' in norm) return { sync: false, plain: true };
  const { kind, momentum, affine, epsilon, learns, groups } = norm;
  const common = { sync: kind === 'sync', momentum, affine, epsilon, normLearns: learns };
  return groups === undefined ? common : { ...common, groups };
}

/** Names of the parameters that learn. */
function learningNames(parameters: Heads['parameters']): string[] {
  return [...parameters].flatMap(([name, { trainable }]) => (trainable ? [name] : []));
}

function heldBy({ parameters, buffers }: Pick<Heads, 'parameters' | 'buffers'>, name: string) {
  return parameters.has(name) || buffers.has(name);
}

function compile(fixture: Fixture, heads: Heads): Program {
  const { parameters, buffers, optimizer, features, batch } = heads;
  const program = new Program();
  const learned = learningNames(parameters).map((name) => ({
    name,
    shape: parameters.get(name)?.shape ?? [],
  }));
  for (const [name, { dtype, shape }] of [...parameters, ...buffers])
    program.state(name, { dtype, shape: expectInitial(fixture, name, shape) });
  for (const { name, shape } of optimizerState(optimizer, learned))
    program.state(name, { dtype: 'float32', shape });
  const maps = features.map((name) => {
    const [count = 0, channels = 0, height = 0, width = 0] = fixture.input(
      `in.step1.${name}`,
    ).shape;
    return [name, { dtype: 'float32', shape: [count, height, width, channels] }] as const;
  });
  program.entry('step', {
    inputs: {
      ...Object.fromEntries(maps),
      labels: { dtype: 'int32', shape: [batch] },
      learning_rate: { dtype: 'float32', shape: [] },
    },
    build: (io) => step(io, heads),
  });
  return program;
}

/** Losses and gradients, then the optimiser; the sum of the losses is trained. */
function step(io: Io, { modules, features, parameters, optimizer }: Heads): Record<string, Tensor> {
  const names = learningNames(parameters);
  const still = [...parameters.keys()].filter((name) => !names.includes(name));
  const outputs: Record<string, Tensor> = {};
  const total = (...values: Tensor[]) => {
    const own = [
      ...names.map((name, i) => [name.slice(PREFIX.length), values[i]] as const),
      ...still.map((name) => [name.slice(PREFIX.length), io.read(name)] as const),
    ];
    const losses = modules.map((module, i) => {
      const x = fed(io, features[i] ?? '');
      const logits = module.apply(Object.fromEntries(own) as Params, x, context(io, PREFIX));
      const { loss, accuracy } = classification(logits, fed(io, 'labels'));
      outputs[`out.loss.${i + 1}`] = tf.keep(loss);
      outputs[`out.acc.${i + 1}`] = tf.keep(tf.mul(accuracy, tf.scalar(100)));
      return loss;
    });
    return tf.addN(losses);
  };
  const gradients = tf.grads(total as (...args: Tensor[]) => Tensor)(
    names.map((name) => detached(io.read(name))),
  );
  const rules = resolveRules(optimizer, names);
  const moving = names.map((name, i) => {
    const [gradient, rule] = [gradients[i] as Tensor, rules.get(name) as ParameterRule];
    outputs[`grad.${name}`] = gradient;
    return { name, gradient, rule };
  });
  applyOptimizer(io, optimizer, moving, fed(io, 'learning_rate'));
  return outputs;
}

function context(io: Io, prefix: string): LayerContext {
  return layerContext({
    buffer: (name) => io.read(prefix + name),
    update: (name, value) => io.assign(prefix + name, value),
    scope: (more) => context(io, prefix + more),
  });
}

function fed(io: Io, name: string): Tensor {
  const tensor = io.inputs[name];
  if (tensor === undefined) throw new Error(`multi_head: no input ${name}`);
  return tensor;
}

function inputsOf(
  fixture: Fixture,
  { features, batch, classes, optimizer, rates }: Heads,
  step: number,
) {
  const maps = features.map((name) => {
    const key = `in.step${step}.${name}`;
    const { shape } = fixture.input(`in.step1.${name}`);
    const value = expectShape(key, fixture.input(key), shape);
    return [name, transpose4(value, [0, 2, 3, 1]).data] as const;
  });
  const key = `in.step${step}.gt_label`;
  const labels = flat(expectShape(key, fixture.input(key), [batch]).data);
  const strange = labels.find((label) => !(label >= 0 && label < classes));
  if (strange !== undefined)
    throw new UserError(`${key}: found class ${strange}, expected 0 to ${classes - 1}`);
  return {
    ...Object.fromEntries(maps),
    labels: Int32Array.from(labels),
    learning_rate: Float32Array.of(rates[step - 1] ?? optimizer.lr),
  };
}

function expectMap(name: string, value: HostArray, batch: number): HostArray {
  const { shape } = value;
  if (shape.length === 4 && shape[0] === batch && !shape.includes(0)) return value;
  throw new UserError(`${name}: found shape [${shape}], expected [${batch},C,H,W]`);
}

/** A scalar is stored with shape [1]. */
function expectInitial(fixture: Fixture, name: string, shape: readonly number[]) {
  const key = `init.${name}`;
  expectShape(key, fixture.input(key), shape.length === 0 ? [1] : shape);
  return shape;
}

function initial(fixture: Fixture, name: string): HostArray {
  const value = fixture.input(`init.${name}`);
  const counter = name.endsWith('.num_batches_tracked');
  return counter ? hostArray(value.dtype, [], value.data) : value;
}

function blank({ dtype, shape }: Pick<HostArray, 'dtype' | 'shape'>): HostArray {
  return zeros(dtype, shape);
}
