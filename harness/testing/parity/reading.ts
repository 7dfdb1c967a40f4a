import type { HostArray } from '../../engine/array.ts';
import type { Purpose } from '../../experiment/host.ts';
import type { DataShape, MethodDefinition } from '../../experiment/method.ts';
import type { ResNetSpec } from '../../nn/resnet.ts';
import type { OptimizerSpec } from '../../optim/spec.ts';
import type { Tensors } from '../../step/learner.ts';
import type { Comparisons } from './agreement.ts';
import type { Fixture } from './fixture.ts';

/** How the cases of one method read. */
export interface MethodReading {
  readonly method: MethodDefinition;
  /** Values of `method` in the JSON; the method's kind by default. */
  readonly cases?: readonly string[];
  /** The `method` part of an experiment, and the backbone, of the case's JSON. */
  readonly specs: (fixture: Fixture) => MethodSpecs;
  /** The method's draws: ours → the fixture's, e.g. shuffle → idx_shuffle. */
  readonly draws?: Readonly<Record<string, string>>;
  /** Random values that are fed: ours → the fixture's, e.g. neck.drop → dropout_mask. */
  readonly replay?: Readonly<Record<string, Replayed>>;
  /** The fixture's name of a random choice of the host, by what the choice is for. */
  readonly chosen?: (purpose: Purpose) => string;
  /** The fixture's true labels of a step, e.g. gt_label. */
  readonly labels?: string;
  /** Names under which the reference has a state tensor once more: theirs → ours. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Outputs that the fixture names otherwise: ours → the fixture's, e.g. head → prediction. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** State that the case has under no name of ours, or another one at each step; set before the step. */
  readonly given?: (fixture: Fixture, step: number) => Readonly<Record<string, HostArray>>;
  /** The place of each image in the data, where the fixture has one; else 0, 1, 2, … */
  readonly indices?: string;
  /** How the images of a rank read, where they are not simply one [N, V, C, H, W]. */
  readonly views?: (images: HostArray, name: string, shape: ViewShape) => readonly Float32Array[];
  /** Holds what the step gave to more of the fixture than the tensors that it expects. */
  readonly also?: (step: StepResult, comparisons: Comparisons) => void;
}

/** The images that a rank's step takes, as the case's JSON says. */
export interface ViewShape {
  /** N. */
  readonly batch: number;
  readonly views: number;
  readonly channels: number;
  readonly size: number;
}

export interface StepResult {
  readonly fixture: Fixture;
  /** From 1. */
  readonly step: number;
  /** Those of this process. */
  readonly ranks: readonly number[];
  /** In the reference's layout, under the case's names. */
  readonly outputs: Tensors;
}

export interface Replayed {
  /** `rng.stepN.NAME`. */
  readonly name: string;
  readonly dtype: 'float32' | 'int32';
}

export interface MethodSpecs {
  readonly method: Readonly<Record<string, unknown>>;
  readonly backbone: ResNetSpec;
  /** What the case's banks say of the data. */
  readonly data?: DataShape;
  /** Images of one rank. */
  readonly batch: number;
  readonly size: number;
  readonly steps: number;
  readonly optimizer: OptimizerSpec;
  /** Micro-steps whose gradients make one update; 1 by default. */
  readonly accumulate?: number;
  /** The learning rate of every step; the optimizer's by default. */
  readonly rates?: readonly number[];
  /** What the reference keeps on the host: its value after a micro-step, from 0, by name. */
  readonly host?: Readonly<Record<string, (step: number) => number>>;
  /** Micro-steps of the whole run, for schedules of the method's own; `steps` by default. */
  readonly scheduled?: number;
  /** What of the method is as the original does it. */
  readonly compat?: Readonly<Record<string, string>>;
}
