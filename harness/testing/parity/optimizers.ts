import { z } from 'zod';
import { type HostArray, hostArray, zeros } from '../../engine/array.ts';
import { startEngine } from '../../engine/index.ts';
import { Program, type TensorSpec } from '../../engine/program.ts';
import type { Tensor } from '../../engine/tf.ts';
import { adamStates } from '../../optim/adam.ts';
import { applyOptimizer, optimizerState } from '../../optim/apply.ts';
import { momentumState } from '../../optim/descend.ts';
import { type ParameterRule, resolveRules } from '../../optim/rules.ts';
import { learningRate } from '../../optim/schedule.ts';
import type { OptimizerSpec } from '../../optim/spec.ts';
import type { Comparisons } from './agreement.ts';
import type { Fixture } from './fixture.ts';
import { lrConfig, scheduleOf } from './lr_config.ts';
import { gradClip, optimizerConfig, optimizerOf } from './optimizer_config.ts';
import { withoutIdleRules } from './paramwise.ts';
import type { ParityCase } from './run.ts';
import { hookOf } from './training.ts';

/** What cases call an optimizer, and its class. */
const TYPES: Readonly<Record<string, string>> = {
  sgd: 'SGD',
  lars: 'LARS',
  adam: 'Adam',
  adamw: 'AdamW',
};

/** Optimizers over all their steps, with rules, and the learning-rate schedules. */
export const optimizerCases: readonly ParityCase[] = [
  { methods: Object.keys(TYPES), run: runOptimizer },
  { methods: ['learning-rate schedules'], run: runSchedules },
];

const HyperParameters = z.looseObject({
  optimizer: optimizerConfig.partial({ type: true }),
  lr_of_each_step: z.array(z.number()).nullish(),
  paramwise_options: z.record(z.string(), z.unknown()).nullish(),
  grad_clip: gradClip.nullish(),
  optimizer_config: z.looseObject({ grad_clip: gradClip.nullish() }).nullish(),
});

/** The optimizer of a case, and the rate of each step that it has gradients for. */
function readOptimizer(fixture: Fixture): [OptimizerSpec, readonly number[]] {
  const { optimizer, paramwise_options, ...parameters } = fixture.field(
    'hyper_parameters',
    HyperParameters,
  );
  const type = optimizer.type ?? TYPES[fixture.method] ?? '';
  const config = { paramwise_options, ...optimizer, type };
  const spec = optimizerOf(fixture, config, hookOf(parameters).clip);
  const { lr_of_each_step: rates } = parameters;
  if (rates) return [spec, rates];
  const steps = fixture.inputs.flatMap((name) => /^in\.step(\d+)\./.exec(name)?.[1] ?? []);
  return [spec, Array.from({ length: Math.max(0, ...steps.map(Number)) }, () => spec.lr)];
}

async function runOptimizer(fixture: Fixture, comparisons: Comparisons): Promise<void> {
  await startEngine();
  const [read, rates] = readOptimizer(fixture);
  const weights = [...fixture.inputs].flatMap((name) =>
    name.startsWith('init.') ? [name.slice('init.'.length)] : [],
  );
  const learning = weights.filter((name) => fixture.inputs.includes(`in.step1.grad.${name}`));
  const spec = withoutIdleRules(read, learning);
  const before = new Map(weights.map((name) => [name, fixture.input(`init.${name}`)]));
  const program = optimizerProgram(spec, learning, before);
  try {
    const slots = [...program.stateSpecs()].map(
      ([name, { dtype, shape }]) => [name, before.get(name) ?? zeros(dtype, shape)] as const,
    );
    await program.writeStates(slots);
    for (const [i, lr] of rates.entries()) {
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
    const [mean, square] = adamStates(name);
    const slots = { momentum_buffer: momentumState(name), exp_avg: mean, exp_avg_sq: square };
    for (const [theirs, slot] of Object.entries(slots))
      if (states.has(slot))
        comparisons.add(`${step}.${theirs}.${name}`, await program.readState(slot));
  }
}

const Schedules = z.record(
  z.string(),
  z.looseObject({
    lr_config: lrConfig,
    base_lr: z.number(),
    epochs: z.int(),
    iters_per_epoch: z.int(),
  }),
);

async function runSchedules(fixture: Fixture, comparisons: Comparisons): Promise<void> {
  for (const [name, run] of Object.entries(fixture.field('schedules', Schedules))) {
    const { epochs, iters_per_epoch: stepsPerEpoch } = run;
    const spec = scheduleOf(run.lr_config);
    const rates = Float64Array.from({ length: epochs * stepsPerEpoch }, (_, i) =>
      learningRate(spec, run.base_lr, { step: i, stepsPerEpoch, epochs }),
    );
    comparisons.add(`lr.${name}`, hostArray('float64', [rates.length], rates));
  }
}
