import { beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../base/hash.ts';
import type { Batch } from '../data/loader/batch.ts';
import type { HostArray } from '../engine/array.ts';
import { startEngine } from '../engine/index.ts';
import type { Precision } from '../engine/precision.ts';
import type { ProgramOptions } from '../engine/program.ts';
import type { MethodDefinition } from '../experiment/method.ts';
import { resolveRules } from '../optim/rules.ts';
import { OptimizerSpec } from '../optim/spec.ts';
import { stream } from '../random/stream.ts';
import { type StepDefinition, trainableNames } from '../step/definition.ts';
import { Learner, type Tensors } from '../step/learner.ts';
import { runStep, type StepOptions } from '../step/step.ts';
import { stepFeeds } from '../step/step_inputs.ts';
import { estimatesIn } from './compiled_ops.ts';
import { exactCompat } from './exact_compat.ts';
import { smallBackbone } from './small_backbone.ts';
import { stateHost } from './state_host.ts';

/** A method made small enough to be stepped many times in a test. */
export interface SmallRun {
  readonly method: MethodDefinition;
  /** The `method` part of an experiment. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly replicas?: number;
  readonly batch?: number;
  readonly size?: number;
  readonly accumulate?: number;
  readonly precision?: Precision;
  /** Statistics of the backbone's batch norms. */
  readonly norm?: 'batch' | 'sync';
  /** Options that are not as they should be. */
  readonly compat?: Readonly<Record<string, string>>;
  readonly learningRate?: number;
  /** Tensors that learn, at least; those of the small backbone unless given. */
  readonly learning?: number;
  /** Images of the source that the method takes itself to have. */
  readonly samples?: number;
}

/** `smallBackbone` on tiny images. */
export function smallLearner(run: SmallRun, options: ProgramOptions & StepOptions = {}): Learner {
  return new Learner(smallDefinition(run), options);
}

export function smallDefinition({
  method,
  spec,
  replicas = 1,
  batch = 4,
  size = 16,
  accumulate = 1,
  precision = 'fp32',
  norm = 'batch',
  samples = 64,
  compat = {},
}: SmallRun): StepDefinition {
  const bound = method.bind(spec);
  bound.check({ replicas, batch, dropLast: true });
  const model = bound.model(smallBackbone(norm, bound.channels), { samples, classes: 2 });
  const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: 0.1, weightDecay: 1e-4 });
  return {
    method: bound,
    model,
    replicas,
    batch,
    size,
    channels: 3,
    accumulate,
    precision,
    optimizer,
    compat: { ...exactCompat, ...compat },
    normalise: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    rules: resolveRules(optimizer, trainableNames(model)),
  };
}

/** Noise and random draws for a step: the same for the same step, whatever else ran. */
export function batchOf({ definition }: Learner, step: number): Batch {
  const { method, replicas, batch, size, channels } = definition;
  const count = replicas * batch;
  const noise = (view: number) => {
    const from = stream(1, 'view', step, view);
    return Uint8Array.from({ length: count * size * size * channels }, () => 256 * from.uniform());
  };
  const { cached } = definition.model;
  const rows = () => {
    const from = stream(1, 'rows', step);
    return Float32Array.from({ length: count * (cached?.width ?? 0) }, () => from.uniform());
  };
  return {
    ...(cached === undefined
      ? { views: Array.from({ length: method.views }, (_, view) => noise(view)) }
      : { views: [], rows: rows() }),
    indices: Int32Array.from({ length: count }, (_, i) => i),
    draws: Object.fromEntries(
      method.draws.map((name) => [name, stream(1, name, step).permutation(count)]),
    ),
    ...(method.labels ? { labels: Int32Array.from({ length: count }, (_, i) => i % 2) } : {}),
    ...(method.chance ? { chance: Int32Array.of(step, 1) } : {}),
  };
}

/** Of the run that schedules take themselves to be in. */
const STEPS = 8;

/** Runs micro-steps `from` to `to - 1`; the outputs of each. */
export async function advance(
  learner: Learner,
  from: number,
  to: number,
  learningRate = 0.1,
): Promise<Record<string, HostArray>[]> {
  const { accumulate } = learner.definition;
  const outputs: Record<string, HostArray>[] = [];
  for (let step = from; step < to; step++) {
    const last = (step + 1) % accumulate === 0;
    const scalars = learner.definition.method.scalars({ step, steps: STEPS });
    const numbers = { rate: last ? learningRate : undefined, scalars };
    const found = await runStep(learner.program, batchOf(learner, step), numbers);
    const images = learner.definition.replicas * learner.definition.batch;
    const at = { step, epoch: 0, epochStep: step, images, outputs: found };
    await learner.definition.method.afterStep?.(stateHost(learner), at);
    outputs.push(found);
  }
  return outputs;
}

/** SHA-256 over names and bytes of a state. */
export function digest(tensors: Tensors): string {
  return sha256(
    [...tensors].flatMap(([name, { data }]) => [
      `${name}\n`,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]),
  );
}

/** One number of an output. */
export function scalarOf(outputs: Readonly<Record<string, HostArray>>, name: string): number {
  const value = outputs[name]?.data[0];
  if (value === undefined) throw new Error(`no output '${name}'`);
  return Number(value);
}

/** Builds a learner, hands it over, and frees it. */
export async function withLearner<T>(
  run: SmallRun,
  body: (learner: Learner) => Promise<T>,
  options: ProgramOptions & StepOptions = {},
): Promise<T> {
  const learner = smallLearner(run, options);
  try {
    await learner.initialise(0);
    return await body(learner);
  } finally {
    learner.dispose();
  }
}

/**
 * What every method has to hold: the same bits on every repeat and for any number of threads, no
 * trace of an interruption, gradients that are the fixed tree over replicas.
 */
export function describeMethod(name: string, run: SmallRun): void {
  describe(`${name}, as every method`, () => {
    beforeAll(startEngine);

    const whole = (one: SmallRun, options?: ProgramOptions) =>
      withLearner(
        one,
        async (learner) => {
          const outputs = await advance(learner, 0, 4);
          const losses = outputs.map((output) => scalarOf(output, 'loss'));
          return { losses, state: digest(await learner.save()) };
        },
        options,
      );

    it.each(['fp32', 'bf16'] as const)('repeats bit for bit, in %s', async (precision) => {
      const first = await whole({ ...run, precision }, { intraThreads: 2, interThreads: 2 });
      const again = await whole({ ...run, precision }, { intraThreads: 1, interThreads: 1 });
      expect(again).toEqual(first);
      expect(first.losses.every(Number.isFinite)).toBe(true);
      expect(new Set(first.losses).size).toBe(4);
    });

    /** The state after four steps, that after two, and how a learner goes on from there. */
    const interrupted = async (learner: Learner) => {
      await advance(learner, 0, 4);
      const unbroken = digest(await learner.save());
      await learner.initialise(0);
      await advance(learner, 0, 2);
      return { unbroken, saved: await learner.save() };
    };
    const goneOn = async (learner: Learner, saved: Tensors) => {
      await learner.restore(saved);
      await advance(learner, 2, 4);
      return digest(await learner.save());
    };

    it('goes on from a saved state without a trace', async () => {
      const { unbroken, saved } = await withLearner(run, interrupted);
      expect(await withLearner(run, (learner) => goneOn(learner, saved))).toBe(unbroken);
    });

    // The same learner, which has been elsewhere meanwhile: tracing one of replicas takes long.
    it('goes on from accumulated gradients of replicas without a trace', async () => {
      await withLearner({ ...run, accumulate: 3, replicas: 2 }, async (learner) => {
        const { unbroken, saved } = await interrupted(learner);
        await advance(learner, 2, 3);
        expect(await goneOn(learner, saved)).toBe(unbroken);
      });
    });

    it.each([
      ['norms of a replica', {}],
      ['norms of all', { replicas: 2, norm: 'sync' }],
    ] as const)('runs no estimate of the processor, with %s', async (_, more) => {
      await withLearner({ ...run, ...more }, async (learner) => {
        const scalars = learner.definition.method.scalars({ step: 0, steps: STEPS });
        const feeds = stepFeeds(batchOf(learner, 0), { rate: 0.1, scalars });
        const nodes = await learner.program.compiled('step', feeds);
        expect(nodes.length).toBeGreaterThan(10);
        expect(estimatesIn(learner.program, nodes)).toEqual([]);
      });
    });

    it('averages replicas in the fixed tree', async () => {
      const replicas = 4;
      const outputs = await withLearner(
        { ...run, replicas },
        async (learner) => (await advance(learner, 0, 1))[0] ?? {},
        { observe: true },
      );
      const all = Object.keys(outputs).filter((key) => key.startsWith('grad.'));
      expect(all.length).toBeGreaterThanOrEqual(run.learning ?? 21);
      for (const key of [...all, 'loss']) {
        const part = key === 'loss' ? 'out.loss' : `local_${key}`;
        const parts = Array.from({ length: replicas }, (_, r) => outputs[`rank${r}.${part}`]);
        expect(outputs[key]?.data, key).toEqual(treeMean(parts));
      }
    });
  });
}

/** ((0 + 1) + (2 + 3)) / R in float32, computed without TensorFlow. */
function treeMean(parts: readonly (HostArray | undefined)[]): Float32Array {
  let level = parts.map((part) => Float32Array.from(part?.data as Float32Array));
  while (level.length > 1)
    level = level.flatMap((left, i) => {
      const right = level[i + 1];
      return i % 2 === 0 ? [right ? left.map((x, j) => x + (right[j] ?? 0)) : left] : [];
    });
  const scale = Math.fround(1 / parts.length);
  return (level[0] ?? new Float32Array()).map((x) => x * scale);
}
