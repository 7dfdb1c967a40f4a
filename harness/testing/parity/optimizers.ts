import { z } from 'zod';
import { type HostArray, hostArray, zeros } from '../../engine/array.ts';
import { startEngine } from '../../engine/index.ts';
import { Program, type TensorSpec } from '../../engine/program.ts';
import type { Tensor } from '../../engine/tf.ts';
import { applyOptimizer, optimizerState } from '../../optim/apply.ts';
import { momentumState } from '../../optim/descend.ts';
import { type ParameterRule, resolveRules } from '../../optim/rules.ts';
import { learningRate } from '../../optim/schedule.ts';
import { OptimizerSpec, ScheduleSpec } from '../../optim/spec.ts';
import type { Comparisons } from './agreement.ts';
import type { Fixture } from './fixture.ts';
import type { ParityCase } from './run.ts';

/** SGD and LARS over all their steps, with rules, and the learning-rate schedules. */
export const optimizerCases: readonly ParityCase[] = [
  { methods: ['sgd', 'lars'], run: runOptimizer },
  { methods: ['learning-rate schedules'], run: runSchedules },
];

const HyperParameters = z.strictObject({
  optimizer: z.strictObject({ lr: z.number(), weight_decay: z.number(), momentum: z.number() }),
  lr_of_each_step: z.array(z.number()),
  paramwise_options: z.record(
    z.string(),
    z.strictObject({
      lr_mult: z.number().optional(),
      momentum: z.number().optional(),
      weight_decay: z.number().optional(),
      lars_exclude: z.boolean().optional(),
    }),
  ),
});
type HyperParameters = z.output<typeof HyperParameters>;

function optimizerSpec(kind: string, parameters: HyperParameters): OptimizerSpec {
  const { lr, momentum, weight_decay } = parameters.optimizer;
  const rules = Object.entries(parameters.paramwise_options).map(([match, options]) => ({
    match: match.replace('\\A', '^'), // Python's name for the start
    lrMultiplier: options.lr_mult,
    momentum: options.momentum,
    weightDecay: options.weight_decay,
    larsExclude: options.lars_exclude,
  }));
  return OptimizerSpec.parse({ kind, lr, momentum, weightDecay: weight_decay, rules });
}

async function runOptimizer(fixture: Fixture, comparisons: Comparisons): Promise<void> {
  await startEngine();
  const parameters = fixture.field('hyper_parameters', HyperParameters);
  const spec = optimizerSpec(fixture.method, parameters);
  const weights = [...fixture.inputs].flatMap((name) =>
    name.startsWith('init.') ? [name.slice('init.'.length)] : [],
  );
  const learning = weights.filter((name) => fixture.inputs.includes(`in.step1.grad.${name}`));
  const before = new Map(weights.map((name) => [name, fixture.input(`init.${name}`)]));
  const program = optimizerProgram(spec, learning, before);
  try {
    const slots = [...program.stateSpecs()].map(
      ([name, { dtype, shape }]) => [name, before.get(name) ?? zeros(dtype, shape)] as const,
    );
    await program.writeStates(slots);
    for (const [i, lr] of parameters.lr_of_each_step.entries()) {
      const gradients = learning.map((name) => [
        `grad.${name}`,
        fixture.input(`in.step${i + 1}.grad.${name}`).data,
      ]);
      await program.run('step', { ...Object.fromEntries(gradients), lr: Float32Array.of(lr) });
      await compareStep(program, comparisons, `step${i + 1}`, before);
    }
  } finally {
    program.dispose();
  }
}

function optimizerProgram(
  spec: OptimizerSpec,
  names: readonly string[],
  weights: ReadonlyMap<string, HostArray>,
): Program {
  const program = new Program();
  const rules = resolveRules(spec, names);
  const parameters = names.map((name) => ({ name, shape: weights.get(name)?.shape ?? [] }));
  const inputs: Record<string, TensorSpec> = { lr: { dtype: 'float32', shape: [] } };
  for (const { name, shape } of [...parameters, ...optimizerState(spec, parameters)])
    program.state(name, { dtype: 'float32', shape });
  for (const { name, shape } of parameters) inputs[`grad.${name}`] = { dtype: 'float32', shape };
  program.entry('step', {
    inputs,
    build: (io) => {
      const input = (name: string) => io.inputs[name] as Tensor;
      const learnable = names.map((name) => ({
        name,
        gradient: input(`grad.${name}`),
        rule: rules.get(name) as ParameterRule,
      }));
      applyOptimizer(io, spec, learnable, input('lr'), false); // zeros stand still there
      return {};
    },
  });
  return program;
}

/** Compares and moves `before` on. A parameter that is no state of the program stands still. */
async function compareStep(
  program: Program,
  comparisons: Comparisons,
  step: string,
  before: Map<string, HostArray>,
): Promise<void> {
  const states = program.stateSpecs();
  for (const [name, from] of before) {
    const now = states.has(name) ? await program.readState(name) : from;
    comparisons.add(`${step}.state.${name}`, now, from);
    before.set(name, now);
    const slot = momentumState(name);
    if (states.has(slot))
      comparisons.add(`${step}.momentum_buffer.${name}`, await program.readState(slot));
  }
}

const Schedules = z.record(
  z.string(),
  z.strictObject({
    lr_config: z.strictObject({
      policy: z.enum(['CosineAnnealing', 'step']),
      min_lr: z.number().optional(),
      step: z.array(z.int()).optional(),
      gamma: z.number().optional(),
      warmup: z.literal('linear').optional(),
      warmup_iters: z.int().optional(),
      warmup_ratio: z.number().optional(),
      warmup_by_epoch: z.literal(true).optional(),
    }),
    base_lr: z.number(),
    epochs: z.int(),
    iters_per_epoch: z.int(),
  }),
);

async function runSchedules(fixture: Fixture, comparisons: Comparisons): Promise<void> {
  for (const [name, run] of Object.entries(fixture.field('schedules', Schedules))) {
    const { policy, min_lr, step, gamma, ...config } = run.lr_config;
    const warmup = { kind: config.warmup, epochs: config.warmup_iters, ratio: config.warmup_ratio };
    const spec = ScheduleSpec.parse({
      ...(policy === 'step'
        ? { kind: 'step', milestones: step, gamma }
        : { kind: 'cosine', minLr: min_lr, from: 'start' }),
      per: 'epoch',
      ...(config.warmup === undefined ? {} : { warmup }),
    });
    const { epochs, iters_per_epoch: stepsPerEpoch } = run;
    const rates = Float64Array.from({ length: epochs * stepsPerEpoch }, (_, i) =>
      learningRate(spec, run.base_lr, { step: i, stepsPerEpoch, epochs }),
    );
    comparisons.add(`lr.${name}`, hostArray('float64', [rates.length], rates));
  }
}
