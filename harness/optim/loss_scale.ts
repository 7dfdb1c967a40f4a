import { UserError } from '../base/errors.ts';
import { op1 } from '../engine/op.ts';
import { oneOver } from '../engine/ops/one_over.ts';
import type { Io } from '../engine/program.ts';
import { detached, type Tensor, tf } from '../engine/tf.ts';
import type { LossScaleSpec } from './loss_scale_spec.ts';

type Metrics = Readonly<Record<string, number>>;

/** Output: the scale that gradients had. */
const SCALE_OUTPUT = 'loss_scale';
/** Output: 1 where the update was skipped, else 0. */
const SKIPPED_OUTPUT = 'skipped_updates';
/** The scale of the next update. */
const SCALE = 'loss_scale.scale';
/** Updates with finite gradients since the scale moved last. */
const GOOD = 'loss_scale.good';
/** Updates that were skipped, over the whole run. */
const SKIPPED = 'loss_scale.skipped';
/** Updates that were skipped in a row until now. */
const LOST = 'loss_scale.lost';

/** So many updates skipped in a row are no overflow that another scale would mend. */
const HOPELESS = 50;

/**
 * The outputs of a step without those that only this is for.
 * @throws UserError where updates are skipped for ever.
 */
export function checkedScale(outputs: Metrics): Metrics {
  const { [LOST]: lost = 0, ...metrics } = outputs;
  if (lost < HOPELESS) return metrics;
  throw new UserError(
    `lossScale: the gradients of ${lost} updates in a row were not finite, the last with a scale of ${metrics[SCALE_OUTPUT]}; ` +
      'a smaller lossScale may help, or precision bf16, or fp32. To see which operation made them, run again ' +
      'with --resume_from auto --debug_nans',
  );
}

/**
 * The state of a loss scale: float32 scalars with their first values. Counts are exact up to 2^24.
 */
export function lossScaleState(spec: LossScaleSpec | undefined): ReadonlyMap<string, number> {
  if (spec === undefined) return new Map();
  const { initial } = movesOf(spec);
  return new Map([[SCALE, initial], ...[GOOD, SKIPPED, LOST].map((name) => [name, 0] as const)]);
}

/** What stands between the loss of a step and its optimiser. */
export interface LossScale {
  /** The loss that is differentiated. @param loss float32, scalar */
  scaled(loss: Tensor): Tensor;
  /** Gradients of the loss itself. @param gradients of the scaled loss, reduced over replicas, float32 */
  unscaled(gradients: readonly Tensor[]): readonly Tensor[];
  /**
   * Makes an update, or skips it.
   * @param gradients those the optimiser takes, before it clips them
   * @param trace traces the optimiser, whose changes to state go through the `io` that it is given
   * @returns outputs of the step, scalars
   */
  update(gradients: readonly Tensor[], trace: (io: Io) => void): Record<string, Tensor>;
  /** The same outputs of a micro-step that only adds to gradients. */
  waiting(): Record<string, Tensor>;
}

/** @param spec nothing for a loss that is differentiated as it is */
export function lossScaleOf(io: Io, spec: LossScaleSpec | undefined): LossScale {
  if (spec !== undefined) return new Scaling(io, spec);
  return {
    scaled: (loss) => loss,
    unscaled: (gradients) => gradients,
    update: (_, trace) => {
      trace(io);
      return {};
    },
    waiting: () => ({}),
  };
}

/**
 * Loss scaling inside the graph, as apex and torch.amp.GradScaler have it: the loss times the scale is
 * differentiated; gradients are divided by it once they are reduced over replicas. Where one of them is not
 * finite then, which all replicas and processes see alike, the optimiser changes nothing and the scale shrinks;
 * after `interval` updates in a row with finite gradients it grows. What the forward pass changes (running
 * statistics, queues, banks, followers) it changes all the same, as in PyTorch.
 *
 * Departs: over accumulated micro-steps the scale moves at the update, as GradScaler's documentation asks for;
 * apex moves it at every micro-step.
 */
class Scaling implements LossScale {
  private readonly io: Io;
  private readonly moves: Moves;
  private readonly scale: Tensor;

  constructor(io: Io, spec: LossScaleSpec) {
    this.io = io;
    this.moves = movesOf(spec);
    this.scale = detached(io.read(SCALE));
  }

  scaled(loss: Tensor): Tensor {
    return tf.mul(loss, this.scale);
  }

  unscaled(gradients: readonly Tensor[]): Tensor[] {
    const inverse = oneOver(this.scale);
    return gradients.map((gradient) => tf.mul(gradient, inverse));
  }

  waiting(): Record<string, Tensor> {
    return {
      [SCALE_OUTPUT]: this.scale,
      [SKIPPED_OUTPUT]: tf.scalar(0),
      [LOST]: this.io.read(LOST),
    };
  }

  update(gradients: readonly Tensor[], trace: (io: Io) => void): Record<string, Tensor> {
    const sound = allFinite(gradients);
    trace(guarded(this.io, sound));
    const { growth, backoff, interval, max } = this.moves;
    const [zero, one] = [tf.scalar(0), tf.scalar(1)];
    const more = (name: string) => tf.add(this.io.read(name), one);
    const grows = tf.equal(more(GOOD), tf.scalar(interval));
    const larger = tf.minimum(tf.mul(this.scale, tf.scalar(growth)), tf.scalar(max));
    const smaller = tf.mul(this.scale, tf.scalar(backoff));
    const skipped = choose(sound, zero, one);
    this.io.assign(SCALE, choose(sound, choose(grows, larger, this.scale), smaller));
    this.io.assign(GOOD, choose(sound, choose(grows, zero, more(GOOD)), zero));
    this.io.assign(SKIPPED, tf.add(this.io.read(SKIPPED), skipped));
    const lost = choose(sound, zero, more(LOST));
    this.io.assign(LOST, lost);
    return { [SCALE_OUTPUT]: this.scale, [SKIPPED_OUTPUT]: skipped, [LOST]: lost };
  }
}

type Moves = Omit<Extract<LossScaleSpec, object>, 'kind'>;

/** A number is a scale that moves nowhere. */
function movesOf(spec: LossScaleSpec): Moves {
  if (typeof spec !== 'number') return spec;
  return { initial: spec, growth: 1, backoff: 1, interval: 1, max: spec };
}

function allFinite(tensors: readonly Tensor[]): Tensor {
  const each = tensors.map((x) => {
    const axes = tf.tensor1d(
      x.shape.map((_, axis) => axis),
      'int32',
    );
    return op1('All', [op1('IsFinite', [x]), axes]);
  });
  return op1('All', [op1('Pack', each, { N: each.length }), tf.tensor1d([0], 'int32')]);
}

/** A truth value for all elements alike. */
function choose(condition: Tensor, yes: Tensor, no: Tensor): Tensor {
  return op1('SelectV2', [condition, yes, no]);
}

/**
 * Ops that update state in place, and what each of their inputs has to be so that they leave it as it is: the
 * rate, the direction and the factor of the momentum. (v + -0 is v to the last bit; only a weight of -0 may
 * become 0.)
 */
const STILL: Readonly<Record<string, readonly number[]>> = {
  ResourceApplyGradientDescent: [0, 0],
  ResourceApplyMomentum: [0, -0, 1],
};

/** An `io` whose changes to state take place only where `sound` holds. */
function guarded(io: Io, sound: Tensor): Io {
  const scalars = new Map<string, Tensor>(); // a rate is shared by many parameters
  const unless = (value: Tensor, still: number) => {
    const key = `${value.id} ${still}`;
    const known = scalars.get(key);
    if (known !== undefined) return known;
    const made = choose(sound, value, tf.scalar(still));
    if (value.rank === 0) scalars.set(key, made);
    return made;
  };
  return {
    inputs: io.inputs,
    read: (name) => io.read(name),
    readRows: (name, indices) => io.readRows(name, indices),
    readAfter: (name) => io.readAfter(name),
    assign: (name, value) => io.assign(name, choose(sound, value, io.read(name))),
    apply: (type, variables, inputs) => {
      const still = STILL[type];
      if (still?.length !== inputs.length)
        throw new Error(`loss scale: ${type} is not known to leave state as it is on any input`);
      const values = inputs.map((value, i) => unless(value, still[i] ?? 0));
      io.apply(type, variables, values);
    },
  };
}
