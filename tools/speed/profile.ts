import { at } from '../../harness/engine/graph/origin.ts';
import type { OpTime } from '../../harness/engine/session.ts';
import { stepFeeds } from '../../harness/step/step_inputs.ts';
import { type OpenStep, openStep } from './open_step.ts';
import type { Shape } from './shape.ts';
import { timedStepNamed } from './timed_steps.ts';

export interface ProfileOptions extends Shape {
  readonly warmup: number;
  /** Steps that are averaged. */
  readonly steps: number;
  /** Lists this many nodes instead of types of op; 0: types. */
  readonly nodes: number;
  /** Only nodes of this type. */
  readonly type: string | undefined;
}

/** Of an average step. */
export interface ProfileRow {
  readonly name: string;
  /** Milliseconds in kernels. */
  readonly ms: number;
  /** How often it ran. */
  readonly count: number;
  /** The line that made the node, where one node is meant. */
  readonly where: string | undefined;
}

export interface Profile {
  /** Milliseconds from the first op's start to the last one's end. */
  readonly span: number;
  /** Milliseconds of all kernels. */
  readonly kernels: number;
  /** Longest first. */
  readonly rows: readonly ProfileRow[];
}

/** Where the time of a training step goes. */
export async function profile(options: ProfileOptions): Promise<Profile> {
  const { warmup, steps } = options;
  const timed = await timedStepNamed(options.method);
  const open = await openStep(timed, options, { steps: warmup + steps });
  try {
    const profiled = await profiledSteps(open, options);
    const times = profiled.flat();
    const spans = profiled.map((step) => Math.max(...step.map((x) => x.start + x.duration)));
    return {
      span: (1e-3 * spans.reduce((sum, span) => sum + span, 0)) / steps,
      kernels: (1e-3 * times.reduce((sum, { duration }) => sum + duration, 0)) / steps,
      rows: options.nodes > 0 ? byNode(times, options) : byType(times, options),
    };
  } finally {
    await open.training.dispose();
  }
}

interface TypedTime extends OpTime {
  readonly type: string;
  /** The line that made the node; Grappler's own have none. */
  readonly where: string | undefined;
}

async function profiledSteps(
  { training, batches, plan }: OpenStep,
  { warmup, steps }: ProfileOptions,
): Promise<TypedTime[][]> {
  const { program } = training.learner;
  const result: TypedTime[][] = [];
  for (let step = 0; step < warmup + steps; step++) {
    const { value: batch, done } = await batches.next();
    if (done) throw new Error(`speed: no batch for step ${step}`);
    const times = await program.profile('step', stepFeeds(batch, plan(step)), batch.sizes);
    if (step >= warmup) result.push(times.map(described));
  }
  return result;

  function described(time: OpTime): TypedTime {
    const name = time.node.replace(/:.*$/, '');
    const node = program.graph.find(name);
    return {
      ...time,
      type: node?.type ?? name.replace(/.*\/|[-_.]?\d+$/g, ''),
      where: node && at(node.origin),
    };
  }
}

function byType(times: readonly TypedTime[], { steps }: ProfileOptions): ProfileRow[] {
  const anywhere = times.map((time) => ({ ...time, where: undefined }));
  return summed(anywhere, ({ type }) => type, steps);
}

function byNode(
  times: readonly TypedTime[],
  { nodes, type: wanted, steps }: ProfileOptions,
): ProfileRow[] {
  const some = wanted === undefined ? times : times.filter(({ type }) => type === wanted);
  return summed(some, ({ node, type }) => `${type} ${node}`, steps).slice(0, nodes);
}

function summed(
  times: readonly TypedTime[],
  nameOf: (time: TypedTime) => string,
  steps: number,
): ProfileRow[] {
  const sums = new Map<string, { duration: number; count: number; where: string | undefined }>();
  for (const time of times) {
    const name = nameOf(time);
    const before = sums.get(name) ?? { duration: 0, count: 0, where: undefined };
    sums.set(name, {
      duration: before.duration + time.duration,
      count: before.count + 1,
      where: before.where ?? time.where,
    });
  }
  return [...sums]
    .map(([name, { duration, count, where }]) => ({
      name,
      ms: (1e-3 * duration) / steps,
      count: count / steps,
      where,
    }))
    .sort((a, b) => b.ms - a.ms);
}
