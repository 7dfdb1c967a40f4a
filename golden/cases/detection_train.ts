import { res4Channels } from '../../benchmarks/detection/backbone.ts';
import { bindNetworks, entriesOf, type Networks } from '../../benchmarks/detection/bind.ts';
import { type DetectorSpec, networks, trainingLosses } from '../../benchmarks/detection/c4.ts';
import { proposals } from '../../benchmarks/detection/proposals.ts';
import type { AnchorTensors } from '../../benchmarks/detection/rpn.ts';
import { optimizerOf, type SolverSpec, scheduleOf } from '../../benchmarks/detection/solver.ts';
import { type HostArray, hostArray, zeros } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { type Io, Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { applyOptimizer } from '../../harness/optim/apply.ts';
import { momentumState } from '../../harness/optim/descend.ts';
import { type ParameterRule, resolveRules } from '../../harness/optim/rules.ts';
import { learningRate } from '../../harness/optim/schedule.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { stepInputs } from './detection_batch.ts';
import { compareProposals, inFiles } from './detection_rpn.ts';
import { detectorOf, solverOf } from './detection_spec.ts';
import { initialStates } from './detection_states.ts';

/** Whole training steps: losses, outputs, gradients, momentum and state. */
export const detectionTrainCase: ParityCase = {
  methods: ['Faster R-CNN R50-C4 training', 'Mask R-CNN R50-C4 training'],
  run: async (fixture, comparisons) => {
    await startEngine();
    const detector = detectorOf(fixture);
    const { solver, first, steps } = solverOf(fixture);
    const made = networks(detector.spec);
    const names = [...entriesOf(made, 'parameters').keys()];
    const program = new Program();
    try {
      let before = await initial(fixture, program, made);
      for (let step = 1; step <= steps; step++) {
        const batch = stepInputs(fixture, comparisons, step, detector);
        addStep(program, `step${step}`, { spec: detector.spec, solver, networks: made, ...batch });
        const at = { step: first + step - 1, stepsPerEpoch: 1, epochs: 1 };
        const lr = learningRate(scheduleOf(solver), solver.lr, at);
        comparisons.add(`step${step}.out.lr`, hostArray('float64', [1], Float64Array.of(lr)));
        const data = Object.entries(batch.inputs).map(([name, { data }]) => [name, data] as const);
        const rate = { learning_rate: Float32Array.of(lr) };
        const outputs = await program.run(`step${step}`, { ...Object.fromEntries(data), ...rate });
        compareOutputs(comparisons, step, withoutStandIns(batch.inputs, outputs));
        compareFound(comparisons, step, detector.spec, batch, outputs);
        before = await compareStates(comparisons, step, program, names, before);
      }
    } finally {
      program.dispose();
    }
  },
};

type States = ReadonlyMap<string, HostArray>;

/** Declares all state and sets it to the case's. */
async function initial(fixture: Fixture, program: Program, made: Networks): Promise<States> {
  const states = initialStates(fixture, made);
  const values = new Map([...states.keys()].map((name) => [name, fixture.input(`init.${name}`)]));
  for (const [name, { shape }] of entriesOf(made, 'parameters'))
    states.set(momentumState(name), zeros('float32', shape));
  for (const [name, { dtype, shape }] of states) program.state(name, { dtype, shape });
  await program.writeStates(states);
  return values;
}

interface StepParts {
  readonly spec: DetectorSpec;
  readonly solver: SolverSpec;
  readonly networks: Networks;
  readonly inputs: Readonly<Record<string, HostArray>>;
  readonly images: number;
  readonly samples: number;
}

function addStep(program: Program, entry: string, parts: StepParts): void {
  const { solver, networks, inputs } = parts;
  const names = [...entriesOf(networks, 'parameters').keys()];
  program.entry(entry, {
    inputs: { ...inputs, learning_rate: { dtype: 'float32', shape: [] } },
    build: (io) => {
      const [gradients, outputs] = differentiated(io, names, parts);
      const optimizer = optimizerOf(solver);
      const rules = resolveRules(optimizer, names);
      const learning = names.map((name) => ({
        name,
        gradient: gradients.get(name) as Tensor,
        rule: rules.get(name) as ParameterRule,
      }));
      applyOptimizer(io, optimizer, learning, io.inputs.learning_rate as Tensor);
      return outputs;
    },
  });
}

/** Values whose gradients the cases have, with their shapes: zeros are added to them, to learn it. */
function watchedShapes({ spec, inputs }: StepParts): ReadonlyMap<string, readonly number[]> {
  const [images = 0, height = 0, width = 0] = inputs.images?.shape ?? [];
  const cells = [images, Math.ceil(height / 16), Math.ceil(width / 16)];
  const anchors = spec.anchors.sizes.length * spec.anchors.ratios.length;
  const [regions = 0] = inputs.classes?.shape ?? [];
  return new Map([
    ['res4', [...cells, res4Channels(spec.backbone)]],
    ['rpn.objectness_logits', [...cells, anchors]],
    ['rpn.anchor_deltas', [...cells, 4 * anchors]],
    ['cls_score', [regions, spec.classes + 1]],
    ['bbox_pred', [regions, 4 * spec.classes]],
  ]);
}

/** Gradients of all parameters; losses, outputs and all gradients under the case's names. */
function differentiated(
  io: Io,
  names: readonly string[],
  parts: StepParts,
): [ReadonlyMap<string, Tensor>, Record<string, Tensor>] {
  const { spec, networks, images, samples } = parts;
  const outputs: Record<string, Tensor> = {};
  const shapes = watchedShapes(parts);
  const watched = [...shapes.keys()];
  let updates: ReadonlyMap<string, Tensor> = new Map();
  const loss = (...values: Tensor[]) => {
    const params = Object.fromEntries(names.map((name, i) => [name, values[i] as Tensor]));
    const bound = bindNetworks(networks, params, io, true);
    const observe = (name: string, value: Tensor) => {
      outputs[`out.${name}`] = tf.keep(value);
      const at = watched.indexOf(name);
      return at < 0 ? value : tf.add(value, values[names.length + at] as Tensor);
    };
    const losses = trainingLosses(spec, bound.forward, batchOf(io, images, samples), observe);
    updates = bound.updates;
    for (const [name, value] of Object.entries(losses)) outputs[`out.${name}`] = tf.keep(value);
    const total = Object.values(losses).reduce((a, b) => tf.add(a, b));
    outputs['out.loss'] = tf.keep(total);
    return total;
  };
  const zeros = [...shapes.values()].map((shape) => tf.zeros([...shape]));
  const gradients = tf.grads(loss as (...args: Tensor[]) => Tensor)([
    ...names.map((name) => io.read(name)),
    ...zeros,
  ]);
  for (const [name, value] of updates) io.assign(name, value);
  [...names.map((name) => `grad.${name}`), ...watched.map((name) => `grad_wrt.${name}`)].forEach(
    (name, i) => {
      outputs[name] = gradients[i] as Tensor;
    },
  );
  const { 'out.pooled': pooled, ...others } = outputs;
  if (pooled !== undefined) others['out.pooled_first4'] = firstRows(pooled, 4);
  return [new Map(names.map((name, i) => [name, gradients[i] as Tensor])), others];
}

function firstRows(x: Tensor, count: number): Tensor {
  const [rows = 0, ...rest] = x.shape;
  return tf.slice(x, [0, ...rest.map(() => 0)], [Math.min(rows, count), ...rest]);
}

function batchOf({ inputs }: Io, images: number, samples: number) {
  const input = (name: string) => inputs[name] as Tensor;
  const anchors = inputs as unknown as AnchorTensors;
  const masks =
    inputs.mask_rows === undefined
      ? undefined
      : {
          index: input('mask_rows'),
          classes: input('mask_classes'),
          targets: input('mask_targets'),
          counts: input('mask_counts'),
        };
  return {
    images: input('images'),
    anchors,
    regions: {
      boxes: Array.from({ length: images }, (_, i) => input(`boxes${i}`)),
      classes: input('classes'),
      deltas: input('goals'),
      samples,
    },
    masks,
  };
}

/** Without the mask of the row that stands for none. */
function withoutStandIns(
  inputs: StepParts['inputs'],
  outputs: Readonly<Record<string, HostArray>>,
) {
  const logits = outputs['out.mask_logits'];
  if (logits === undefined || inputs.mask_counts?.data[0] !== 0) return outputs;
  const none = hostArray('float32', [0, ...logits.shape.slice(1)], new Float32Array());
  return { ...outputs, 'out.mask_logits': none };
}

function compareOutputs(
  comparisons: Comparisons,
  step: number,
  outputs: Readonly<Record<string, HostArray>>,
): void {
  for (const [name, value] of Object.entries(outputs))
    comparisons.add(`step${step}.${name}`, inFiles(name, value));
}

/** What the host proposes from the outputs of the step. */
function compareFound(
  comparisons: Comparisons,
  step: number,
  spec: DetectorSpec,
  { anchors, pictures }: Pick<ReturnType<typeof stepInputs>, 'anchors' | 'pictures'>,
  outputs: Readonly<Record<string, HostArray>>,
): void {
  const values = (name: string) =>
    Float32Array.from(flat(outputs[name]?.data ?? new Float32Array()));
  const [logits, deltas] = [values('out.rpn.objectness_logits'), values('out.rpn.anchor_deltas')];
  pictures.forEach(({ height, width }, i) => {
    const part = (all: Float32Array, values: number) => {
      const rows = (anchors.length / 4) * values;
      return all.subarray(i * rows, (i + 1) * rows);
    };
    const own = [height, width] as const;
    const found = proposals(part(logits, 1), part(deltas, 4), anchors, own, spec.proposals.train);
    compareProposals(comparisons, `step${step}.out.proposals.image${i}`, found);
  });
}

/** State and momentum after a step. */
async function compareStates(
  comparisons: Comparisons,
  step: number,
  program: Program,
  names: readonly string[],
  before: States,
): Promise<States> {
  const kept = [...before.keys()];
  // One run for all: each choice of states is a graph of its own to TensorFlow.
  const all = await program.readStates([...kept, ...names.map(momentumState)]);
  const inFile = (i: number) => inFiles('grad.', all[i] as HostArray);
  const after = new Map<string, HostArray>();
  kept.forEach((name, i) => {
    const value = inFile(i);
    const listed = value.shape.length === 0 ? hostArray(value.dtype, [1], value.data) : value;
    after.set(name, listed);
    comparisons.add(`step${step}.state.${name}`, listed, before.get(name));
  });
  names.forEach((name, i) => {
    comparisons.add(`step${step}.momentum_buffer.${name}`, inFile(kept.length + i));
  });
  return after;
}
