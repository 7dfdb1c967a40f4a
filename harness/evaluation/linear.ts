import { breath } from '../base/breath.ts';
import { type HostArray, hostArray, zeros } from '../engine/array.ts';
import { softmaxCrossEntropy } from '../engine/ops/cross_entropy.ts';
import { linear } from '../engine/ops/linear.ts';
import { Program } from '../engine/program.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';
import type { LinearSpec } from '../experiment/index.ts';
import { applyOptimizer, optimizerState } from '../optim/apply.ts';
import { resolveRules } from '../optim/rules.ts';
import { learningRate } from '../optim/schedule.ts';
import { ScheduleSpec } from '../optim/schedule_spec.ts';
import { OptimizerSpec } from '../optim/spec.ts';
import { fillNormal, stream } from '../random/stream.ts';
import { accuracy, classCount, type LabelledFeatures, largest } from './rows.ts';

/** Where training starts and in what order it goes; both come from the seed unless given. */
export interface LinearStart {
  /** [classes, D] */
  readonly weight: HostArray;
  /** int32 [N]: the order of an epoch, counted from 0. */
  order(epoch: number): Int32Array;
}

export interface LinearRun {
  readonly spec: LinearSpec;
  readonly seed: number;
  /** Threads of the engine; 0 for all cores. Never changes a bit. */
  readonly threads?: number;
  readonly start?: LinearStart;
  /** Ends the training, which throws its reason then. */
  readonly signal?: AbortSignal | undefined;
}

export interface LinearResult {
  /** Share of the test set that is classified right, in percent. */
  readonly top1: number;
  /** Mean loss of each step. */
  readonly losses: readonly number[];
  readonly weight: HostArray;
  readonly bias: HostArray;
}

const NAMES = ['weight', 'bias'] as const;
const SCHEDULE = ScheduleSpec.parse({ kind: 'cosine', per: 'step' });

/**
 * Linear probe: one layer on frozen features, softmax cross-entropy, SGD with momentum. The features
 * are pooled, not normalised by row, as in the original's protocol "Last"
 * (docs/reference/benchmarks.md, section 6); they are standardised by column where the spec says
 * so, which makes one learning rate fit all backbones.
 *
 * Departs: features of one centre crop are computed once, without augmentation; a cosine in place of
 * two steps of the rate.
 */
export async function linearProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  run: LinearRun,
): Promise<LinearResult> {
  const { spec, seed } = run;
  const classes = classCount(train.labels);
  const scale = spec.standardise ? columnScale(train, spec.epsilon) : undefined;
  const fit = scaled(train, scale);
  const start = run.start ?? seededStart(fit, classes, spec, seed);
  const probe = new Probe(fit.width, classes, spec, run.threads ?? 0);
  try {
    await probe.begin(start.weight);
    const losses: number[] = [];
    for (let epoch = 0; epoch < spec.epochs; epoch++)
      losses.push(...(await probe.epoch(epoch, fit, start.order(epoch), run.signal)));
    const predictions = await probe.predict(scaled(test, scale));
    const [weight, bias] = await probe.parameters();
    return { top1: accuracy(predictions, test.labels), losses, weight, bias };
  } finally {
    probe.dispose();
  }
}

function seededStart(
  { width, labels }: LabelledFeatures,
  classes: number,
  spec: LinearSpec,
  seed: number,
): LinearStart {
  const draws = stream(seed, 'linear', 'init');
  const weight = fillNormal(draws, new Float32Array(classes * width), spec.initStd);
  return {
    weight: hostArray('float32', [classes, width], weight),
    order: (epoch) => stream(seed, 'linear', 'order', epoch).permutation(labels.length),
  };
}

interface ColumnScale {
  readonly mean: Float64Array;
  /** 1 / sqrt(variance + epsilon). */
  readonly slope: Float64Array;
}

/** Plain sums in order of rows: the same bits everywhere. The variance is the biased one. */
function columnScale({ features, width }: LabelledFeatures, epsilon: number): ColumnScale {
  const count = features.length / width;
  const mean = new Float64Array(width);
  const slope = new Float64Array(width);
  for (let i = 0; i < features.length; i++)
    mean[i % width] = (mean[i % width] ?? 0) + (features[i] ?? 0);
  for (let c = 0; c < width; c++) mean[c] = (mean[c] ?? 0) / count;
  for (let i = 0; i < features.length; i++)
    slope[i % width] = (slope[i % width] ?? 0) + ((features[i] ?? 0) - (mean[i % width] ?? 0)) ** 2;
  for (let c = 0; c < width; c++) slope[c] = 1 / Math.sqrt((slope[c] ?? 0) / count + epsilon);
  return { mean, slope };
}

function scaled(rows: LabelledFeatures, scale: ColumnScale | undefined): LabelledFeatures {
  if (scale === undefined) return rows;
  const { width } = rows;
  const features = rows.features.map(
    (x, i) => (x - (scale.mean[i % width] ?? 0)) * (scale.slope[i % width] ?? 0),
  );
  return { ...rows, features };
}

/** The layer and its optimiser as one program. */
class Probe {
  private readonly program: Program;
  private readonly spec: LinearSpec;
  private readonly width: number;
  private readonly classes: number;

  constructor(width: number, classes: number, spec: LinearSpec, threads: number) {
    this.spec = spec;
    this.width = width;
    this.classes = classes;
    this.program = new Program({ intraThreads: threads });
    for (const [name, shape] of this.states())
      this.program.state(name, { dtype: 'float32', shape });
    this.define();
  }

  private get optimizer(): OptimizerSpec {
    const { lr, momentum, weightDecay } = this.spec;
    return OptimizerSpec.parse({ kind: 'sgd', lr, momentum, weightDecay });
  }

  private states(): [string, readonly number[]][] {
    const shapes = { weight: [this.classes, this.width], bias: [this.classes] };
    const learning = NAMES.map((name) => ({ name, shape: shapes[name] }));
    const all = [...learning, ...optimizerState(this.optimizer, learning)];
    return all.map(({ name, shape }) => [name, shape]);
  }

  private define(): void {
    const { width, spec, optimizer } = this;
    const rules = resolveRules(optimizer, NAMES);
    const features = { dtype: 'float32', shape: [spec.batch, width] } as const;
    this.program.entry('step', {
      inputs: {
        features,
        labels: { dtype: 'int32', shape: [spec.batch] },
        shares: { dtype: 'float32', shape: [spec.batch] },
        learning_rate: { dtype: 'float32', shape: [] },
      },
      build: (io) => {
        const input = (name: string) => present(io.inputs[name]);
        const loss = (weight: Tensor, bias: Tensor): Scalar => {
          const logits = linear(input('features'), weight, bias);
          return tf.sum(tf.mul(softmaxCrossEntropy(logits, input('labels')), input('shares')));
        };
        const { value, grads } = tf.valueAndGrads(loss)(NAMES.map((name) => io.read(name)));
        const parameters = NAMES.map((name, i) => {
          const rule = rules.get(name);
          if (rule === undefined) throw new Error(`linear: no rule for ${name}`);
          return { name, gradient: present(grads[i]), rule };
        });
        applyOptimizer(io, optimizer, parameters, input('learning_rate'));
        return { loss: value };
      },
    });
    this.program.entry('predict', {
      inputs: { features },
      build: (io) => ({
        logits: linear(present(io.inputs.features), io.read('weight'), io.read('bias')),
      }),
    });
  }

  async begin(weight: HostArray): Promise<void> {
    const others = this.states().map(([name, shape]) => [name, zeros('float32', shape)] as const);
    await this.program.writeStates(
      others.map(([name, zero]) => [name, name === 'weight' ? weight : zero] as const),
    );
  }

  /** Trains on every row once, the last batch short; the loss of each step. */
  async epoch(
    epoch: number,
    rows: LabelledFeatures,
    order: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<number[]> {
    const { batch, epochs, lr } = this.spec;
    const stepsPerEpoch = Math.ceil(order.length / batch);
    const losses: number[] = [];
    for (let step = 0; step < stepsPerEpoch; step++) {
      await breath(signal);
      const position = { step: epoch * stepsPerEpoch + step, stepsPerEpoch, epochs };
      const rate = learningRate(SCHEDULE, lr, position);
      const inputs = this.batch(rows, order.subarray(step * batch, (step + 1) * batch));
      const found = await this.program.run('step', {
        ...inputs,
        learning_rate: Float32Array.of(rate),
      });
      const loss = Number(found.loss?.data[0]);
      if (!Number.isFinite(loss))
        throw new Error(
          `linear probe: the loss is ${loss} at epoch ${epoch + 1}, step ${step + 1}`,
        );
      losses.push(loss);
    }
    return losses;
  }

  /** Rows by index. Places that are left over hold zeros with a weight of 0. */
  private batch({ features, labels, width }: LabelledFeatures, indices: Int32Array) {
    const { batch } = this.spec;
    const out = {
      features: new Float32Array(batch * width),
      labels: new Int32Array(batch),
      shares: new Float32Array(batch).fill(1 / indices.length, 0, indices.length),
    };
    for (const [place, index] of indices.entries()) {
      out.features.set(features.subarray(index * width, (index + 1) * width), place * width);
      out.labels[place] = labels[index] ?? 0;
    }
    return out;
  }

  /** The class of the largest logit; of equal ones the lower. */
  async predict({ features, labels, width }: LabelledFeatures): Promise<Int32Array> {
    const { classes } = this;
    const { batch } = this.spec;
    const predictions = new Int32Array(labels.length);
    for (let first = 0; first < labels.length; first += batch) {
      const rows = new Float32Array(batch * width);
      rows.set(features.subarray(first * width, (first + batch) * width));
      const { logits } = await this.program.run('predict', { features: rows });
      if (!(logits?.data instanceof Float32Array)) throw new Error('linear: float32 expected');
      for (let row = 0; row < Math.min(batch, labels.length - first); row++)
        predictions[first + row] = largest(logits.data, row * classes, classes);
    }
    return predictions;
  }

  async parameters(): Promise<[HostArray, HostArray]> {
    const [weight, bias] = await this.program.readStates(NAMES);
    return [present(weight), present(bias)];
  }

  dispose(): void {
    this.program.dispose();
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('linear: a tensor is missing');
  return value;
}
