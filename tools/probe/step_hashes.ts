import { always, sha256 } from '../../harness/base/index.ts';
import type { Batch } from '../../harness/data/loader/batch.ts';
import { bytesOf, type HostArray, itemBytes, sizeOf } from '../../harness/engine/array.ts';
import type { Output } from '../../harness/engine/native/capi.ts';
import { dtypeOf } from '../../harness/engine/native/native.ts';
import type { Program } from '../../harness/engine/program.ts';
import { type Experiment, experimentId, type Methods } from '../../harness/experiment/index.ts';
import { NO_SUMS } from '../../harness/record/sums.ts';
import { openTraining } from '../../harness/run/open_training.ts';
import { codeGraphHash } from '../../harness/step/code_graph.ts';
import { stepFeeds } from '../../harness/step/step_inputs.ts';
import { type StepNode, stepNodes } from './step_nodes.ts';

/** Outputs that lie in memory together; whatever they need is computed again for the next ones. */
const TOGETHER_BYTES = 1 << 30;

export interface StepOptions {
  readonly experiment: Experiment;
  readonly methods: Methods;
  /** Folder of data. */
  readonly data: string;
  readonly threads?: number | undefined;
}

/** One step of an experiment, with a hash of everything that its ops make. */
export interface HashedStep {
  readonly experiment: string;
  /** SHA-256 of the code graph. */
  readonly graph: string;
  /** What is fed, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly nodes: readonly StepNode[];
  /** By name of the node, one for each output. */
  readonly hashes: ReadonlyMap<string, readonly string[]>;
  /** Of each tensor of the state after the step as runs take it, where TensorFlow may make several ops one. */
  readonly state: Readonly<Record<string, string>>;
}

/**
 * Runs the first step of an experiment from its initial weights, every op by itself: each output is asked for, so
 * that TensorFlow makes no two ops one. `use` gets it while its graph is there.
 * @throws UserError for an experiment or data that cannot be opened
 */
export async function withHashedStep<T>(
  { experiment, methods, data, threads }: StepOptions,
  use: (step: HashedStep, program: Program) => Promise<T>,
): Promise<T> {
  const training = await openTraining({ experiment, methods, data, threads });
  const body = async () => {
    const { learner } = training;
    const { program } = learner;
    await learner.initialise(experiment.seed);
    const begun = await training.begin({ epoch: 0, fromStep: 0, sums: NO_SUMS });
    const { value: batch } = await begun.batches.next();
    await begun.batches.return?.();
    if (batch === undefined) throw new Error('probe: the epoch has no batch');
    const { moves, rate, scalars } = training.plan(0);
    const feeds = stepFeeds(batch, { rate: moves ? rate : undefined, scalars });
    const entry = moves ? 'step' : 'micro';
    const nodes = stepNodes(program.graph, entry);
    const inputs = Object.entries(feeds).map(
      ([name, value]) => [name, sha256(bytesOf(value))] as const,
    );
    const step = {
      experiment: experimentId(experiment),
      graph: codeGraphHash(learner),
      inputs: Object.fromEntries(inputs),
      nodes,
      ...(await hashesOf(program, { entry, feeds, sizes: batch.sizes }, nodes)),
    };
    return use(step, program);
  };
  return always(body, () => training.dispose());
}

interface Call {
  readonly entry: string;
  readonly feeds: ReturnType<typeof stepFeeds>;
  readonly sizes: Batch['sizes'];
}

async function hashesOf(
  program: Program,
  { entry, feeds, sizes }: Call,
  nodes: readonly StepNode[],
): Promise<Pick<HashedStep, 'hashes' | 'state'>> {
  const hashes = new Map<string, string[]>();
  const names = [...program.stateSpecs().keys()];
  const before = await program.readStates(names);
  const state = names.map((name, i) => [name, before[i]] as const);
  // What waits for the optimiser moves it: each portion begins where the step begins.
  const restore = () =>
    program.writeStates(state.flatMap(([name, value]) => (value ? [[name, value]] : [])));
  for (const some of portions(program, nodes)) {
    await restore();
    const outputs = some.flatMap((node) => node.outputs);
    const values = await program.valuesOf(entry, feeds, outputs, sizes);
    let at = 0;
    for (const { node, outputs: own } of some)
      hashes.set(
        node.name,
        own.map(() => {
          const value = values[at++];
          return value === undefined ? '' : short(value);
        }),
      );
  }
  await restore();
  await program.run(entry, feeds, sizes);
  const after = await program.readStates(names);
  const left = after.map((value, i) => [names[i] ?? '', short(value)] as const);
  return { hashes, state: Object.fromEntries(left) };
}

function short({ data }: HostArray): string {
  return sha256(bytesOf(data)).slice(0, 16);
}

/** The nodes in portions whose outputs fit into memory. */
function* portions({ graph }: Program, nodes: readonly StepNode[]): Generator<StepNode[]> {
  let [some, bytes]: [StepNode[], number] = [[], 0];
  for (const node of nodes) {
    const own = node.outputs.reduce((sum, output) => sum + bytesOfOutput(graph, output), 0);
    if (some.length > 0 && bytes + own > TOGETHER_BYTES) {
      yield some;
      [some, bytes] = [[], 0];
    }
    some.push(node);
    bytes += own;
  }
  if (some.length > 0) yield some;
}

function bytesOfOutput(graph: Program['graph'], output: Output): number {
  const { shape, type } = graph.meta(output);
  return sizeOf(shape.map((size) => Math.max(size, 1))) * itemBytes(dtypeOf(type));
}
