import { join } from 'node:path';
import { always, type Difference, differences, sha256, UserError } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import { bytesOf } from '../engine/array.ts';
import { type Methods, type Metrics, parseExperiment } from '../experiment/index.ts';
import { readRunSteps } from '../record/former.ts';
import { readRecord } from '../record/record.ts';
import { loadRunCheckpoint } from '../record/run_checkpoint.ts';
import { NO_SUMS } from '../record/sums.ts';
import type { BegunEpoch } from '../run/begin_epoch.ts';
import { openTraining, type Training } from '../run/open_training.ts';
import { takeStep } from '../step/take_step.ts';
import { type LoadedCheckpoint, listCheckpoints } from '../weights/checkpoint.ts';
import { type TensorDifference, tensorDifferences } from './tensor_difference.ts';

export interface RerunOptions {
  /** Two work directories. */
  readonly runs: readonly [string, string];
  readonly methods: Methods;
  /** Data folder. */
  readonly data: string;
  /** The step up to which both run, counted from 1; by default the last that both wrote down. */
  readonly until?: number | undefined;
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  readonly tell?: (message: string) => void;
}

/** The first step, counted from 1, at which two runs do not do the same. */
export interface Parting {
  readonly step: number;
  /** What went into the step: `learning_rate`, `view0`, `indices`, draws. */
  readonly inputs: readonly Difference[];
  /** Its loss and metrics. */
  readonly outputs: readonly Difference[];
  /** Tensors that differ after it, in the order of the networks. */
  readonly tensors: readonly TensorDifference[];
}

export interface Rerun {
  /** The step that both started from; 0 for the beginning. */
  readonly from: number;
  /** The last step that was run. */
  readonly until: number;
  readonly parting?: Parting;
  /** For each run the first step that did not give the numbers that the run had written down. */
  readonly strays: readonly [number | undefined, number | undefined];
}

/**
 * Runs two experiments again side by side, from the last checkpoint that is the same in both work
 * directories or from the beginning, until a bit differs: in what a step takes, gives or leaves.
 * @throws UserError for runs that began with weights of their own and have no common checkpoint.
 */
export async function rerun(options: RerunOptions): Promise<Rerun> {
  const { runs, tell = () => {} } = options;
  const common = await commonCheckpoint(...runs);
  const sides: Side[] = [];
  const body = async (): Promise<Rerun> => {
    for (const run of runs) sides.push(await Side.open(run, options));
    const [left, right] = sides;
    if (left === undefined || right === undefined) throw new Error('rerun: a run is missing');
    for (const warning of new Set([...left.warnings, ...right.warnings]))
      tell(`warning: ${warning}`);
    await left.begin(common);
    await right.begin(common);
    const from = common?.meta.step ?? 0;
    const until = options.until ?? Math.min(left.written, right.written);
    tell(`runs both from ${common === undefined ? 'the beginning' : `step ${from}`} to ${until}`);
    let step = from;
    let parting: Parting | undefined;
    while (step < until && parting === undefined) {
      step++;
      parting = await partingAt(step, left, right);
      tell(`step ${step}`);
    }
    const strays = [left.stray, right.stray] as const;
    return { from, until: step, strays, ...(parting === undefined ? {} : { parting }) };
  };
  return always(body, ...[0, 1].map((side) => () => sides[side]?.dispose()));
}

async function partingAt(step: number, left: Side, right: Side): Promise<Parting | undefined> {
  const [a, b] = [await left.step(step), await right.step(step)];
  const inputs = differences(a.inputs, b.inputs);
  const outputs = differences(a.outputs, b.outputs);
  const [before, after] = [{ tensors: await left.state() }, { tensors: await right.state() }];
  const order = new Map([...before.tensors.keys()].map((name, i) => [name, i]));
  const place = ({ name }: TensorDifference) => order.get(name) ?? order.size;
  const tensors = tensorDifferences(before, after).sort((x, y) => place(x) - place(y));
  if (inputs.length + outputs.length + tensors.length === 0) return undefined;
  return { step, inputs, outputs, tensors };
}

/** One of the two runs, made again. */
class Side {
  readonly written: number;
  /** The first step whose numbers are not the recorded ones. */
  stray: number | undefined;
  private readonly folder: string;
  private readonly training: Training;
  private readonly recorded: ReadonlyMap<number, Metrics>;
  private begun: BegunEpoch | undefined;

  private constructor(folder: string, training: Training) {
    this.folder = folder;
    this.training = training;
    const rows = readRunSteps(folder);
    this.written = rows.at(-1)?.step ?? 0;
    this.recorded = new Map(rows.map(({ step, metrics }) => [step, metrics]));
  }

  static async open(
    folder: string,
    { methods, data, workers, threads }: RerunOptions,
  ): Promise<Side> {
    const experiment = parseExperiment(readRecord(folder).experiment, methods);
    return new Side(folder, await openTraining({ experiment, methods, data, workers, threads }));
  }

  get warnings(): readonly string[] {
    return this.training.warnings;
  }

  async begin(checkpoint: LoadedCheckpoint | undefined): Promise<void> {
    const { learner, experiment } = this.training;
    if (checkpoint !== undefined) return learner.restore(checkpoint.tensors);
    const { data, environment } = readRecord(this.folder);
    if (data.pretrained !== undefined || environment.perturbation !== undefined)
      throw new UserError(
        `${this.folder}: the run began with weights of its own, and the two have no common ` +
          'checkpoint to go on from; train both with --states and compare those',
      );
    return learner.initialise(experiment.seed);
  }

  /** Takes a step, counted from 1. */
  async step(step: number) {
    const { training } = this;
    const { learner, stepsPerEpoch } = training;
    const [epoch, within] = [Math.floor((step - 1) / stepsPerEpoch), (step - 1) % stepsPerEpoch];
    if (within === 0 || this.begun === undefined) {
      await this.begun?.batches.return?.();
      this.begun = await training.begin({ epoch, fromStep: within, sums: NO_SUMS });
    }
    const { value: batch } = await this.begun.batches.next();
    if (batch === undefined) throw new Error(`rerun: no batch for step ${step}`);
    const plan = training.plan(step - 1);
    const inputs = inputsOf(batch, { learning_rate: plan.rate, ...plan.scalars });
    const place = { epoch, epochStep: within };
    const taken = await takeStep(learner, this.begun.host, batch, plan, place);
    const outputs = learner.inPercent(taken);
    const recorded = this.recorded.get(step);
    if (recorded !== undefined && differences(recorded, outputs).length > 0) this.stray ??= step;
    return { inputs, outputs };
  }

  state() {
    return this.training.learner.save();
  }

  async dispose(): Promise<void> {
    await always(
      async () => this.begun?.batches.return?.(),
      () => this.training.dispose(),
    );
  }
}

function inputsOf(
  { views, rows, indices, draws, labels, chance, inputs = {} }: Batch,
  numbers: Readonly<Record<string, number>>,
): Record<string, unknown> {
  const hash = (values: Parameters<typeof bytesOf>[0]) => sha256(bytesOf(values)).slice(0, 16);
  return {
    ...numbers,
    indices: hash(indices),
    ...(rows === undefined ? {} : { rows: hash(rows) }),
    ...(labels === undefined ? {} : { labels: hash(labels) }),
    ...(chance === undefined ? {} : { chance: hash(chance) }),
    ...Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => [name, hash(values)] as const),
    ),
    ...Object.fromEntries(views.map((view, v) => [`view${v}`, hash(view)] as const)),
    ...Object.fromEntries(
      Object.entries(draws).map(([name, values]) => [`draw.${name}`, hash(values)] as const),
    ),
  };
}

/** The furthest step of which both folders have a checkpoint with the same state. */
async function commonCheckpoint(a: string, b: string): Promise<LoadedCheckpoint | undefined> {
  const names = new Set(listCheckpoints(b).map((file) => file.slice(b.length)));
  const shared = listCheckpoints(a).filter((file) => names.has(file.slice(a.length)));
  const loaded = await Promise.all(
    shared.map(async (file) => {
      const other = join(b, file.slice(a.length));
      return [await loadRunCheckpoint(file), await loadRunCheckpoint(other)] as const;
    }),
  );
  return loaded
    .filter(([x, y]) => x.stateHash === y.stateHash && x.meta.step === y.meta.step)
    .map(([x]) => x)
    .sort((x, y) => y.meta.step - x.meta.step)[0];
}
