import { createHash } from 'node:crypto';
import { ownReplicas } from '../harness/cluster/layout.ts';
import { bytesOf } from '../harness/engine/array.ts';
import { TF_TYPE } from '../harness/engine/native/native.ts';
import type { Precision } from '../harness/engine/precision.ts';
import type { Server } from '../harness/engine/server.ts';
import type { CompiledNode } from '../harness/engine/session.ts';
import { resnet, resnetSpec } from '../harness/nn/resnet.ts';
import { resolveRules } from '../harness/optim/rules.ts';
import { OptimizerSpec } from '../harness/optim/spec.ts';
import { stream } from '../harness/random/stream.ts';
import { trainableNames } from '../harness/step/definition.ts';
import { Learner } from '../harness/step/learner.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import { exactCompat } from '../harness/testing/exact_compat.ts';
import type { TestPlace } from '../harness/testing/processes/processes.ts';
import { serve } from '../harness/testing/processes/serve.ts';
import { moco } from '../methods/moco.ts';

export interface Task {
  readonly replicas: number;
  readonly precision: Precision;
}

export interface Step {
  /** `grad.P`, the mean; `rankR.local_grad.P` and `rankR.out.loss` of the own replicas; `loss`. */
  readonly outputs: Readonly<Record<string, Float32Array>>;
  /** SHA-256 of the state after it. */
  readonly state: string;
  readonly sums: Sums;
}

/** What the graph that ran does between the gradients of replicas and the updates of parameters. */
export interface Sums {
  readonly updates: number;
  readonly adds: number;
  readonly collectives: number;
  /** Sums that were folded into one, anywhere in the graph. */
  readonly folded: readonly string[];
  /** Whatever there is not in float32, or is more than moving and adding. */
  readonly strange: readonly string[];
  /** Nodes in bfloat16 anywhere: without any a test of their absence says nothing. */
  readonly narrow: number;
  /** TensorFlow's types of what was put together of rows from several processes. */
  readonly permuted: readonly (number | undefined)[];
}

const BATCH = 2;
const SIZE = 16;

async function step(
  { replicas, precision }: Task,
  { rank, servers }: TestPlace,
  server: Server | undefined,
): Promise<Step> {
  const layout = { replicas, processes: servers.length, rank };
  const backbone = resnet(resnetSpec.parse({ depth: 18, width: 0.0625, stem: 'cifar', stages: 2 }));
  const neck = { kind: 'mlp', hidden: 16, out: 8 };
  const method = moco.bind({ kind: 'moco', queue: 8 * replicas * BATCH, neck });
  const model = method.model(backbone);
  const optimizer = OptimizerSpec.parse({ kind: 'sgd', lr: 0.1, momentum: 0.9, weightDecay: 0 });
  const normalise = { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };
  const rules = resolveRules(optimizer, trainableNames(model));
  const shape = { replicas, batch: BATCH, size: SIZE, channels: 3, accumulate: 1 };
  const learner = new Learner(
    { method, model, optimizer, precision, rules, normalise, compat: exactCompat, ...shape },
    { observe: true, layout, ...(server === undefined ? {} : { server }) },
  );
  try {
    await learner.meet();
    await learner.initialise(1);
    const pixels = (view: number) =>
      ownReplicas(layout).flatMap((replica) => {
        const draws = stream(1, 'pixels', view, replica);
        return Array.from({ length: BATCH * SIZE * SIZE * 3 }, () => draws.int(0, 255));
      });
    const count = replicas * BATCH;
    const batch = {
      views: [Uint8Array.from(pixels(0)), Uint8Array.from(pixels(1))],
      indices: Int32Array.from({ length: count }, (_, i) => i),
      draws: { shuffle: stream(1, 'shuffle').permutation(count) },
    };
    const feeds = stepFeeds(batch, { rate: 0.1 });
    const outputs = Object.entries(await learner.program.run('step', feeds)).flatMap(
      ([name, { data }]) =>
        /^loss$|\.out\.loss$|(^|\.)(local_)?grad\./.test(name)
          ? [[name, data as Float32Array]]
          : [],
    );
    const hash = createHash('sha256');
    for (const [name, value] of await learner.save()) hash.update(name).update(bytesOf(value.data));
    const sums = sumsIn(await learner.program.compiled('step', feeds));
    return { outputs: Object.fromEntries(outputs), state: hash.digest('hex'), sums };
  } finally {
    learner.dispose();
  }
}

/** Also those that TensorFlow's passes make of them. */
const ADDS = /^_?(Mkl|Native|Fused)*Add/;
/** Ops that only move values. */
const MOVES =
  /^(Reshape|Split|SplitV|Slice|Concat|ConcatV2|Pack|Unpack|Pad|Identity|Collective\w+|_?Recv|_HostRecv)$/;

/** Goes back from every update to what its gradient is added up of. */
function sumsIn(nodes: readonly CompiledNode[]): Sums {
  const named = new Map(nodes.map((node) => [node.name, node]));
  const updates = nodes.filter(({ type }) => type === 'ResourceApplyMomentum');
  const seen = new Set<string>();
  const found = { adds: 0, collectives: 0, strange: [] as string[] };
  const maker = (input: string | undefined) => named.get((input ?? '').replace(/:\d+$/, ''));
  const visit = (input: string, scaled: boolean) => {
    const node = maker(input);
    if (node === undefined || seen.has(node.name)) return;
    const { type, name, dtype } = node;
    const adds = ADDS.test(type);
    const scales =
      !scaled && type === 'Mul' && node.inputs.some((by) => maker(by)?.type === 'Const');
    const made = maker(node.inputs[0])?.type ?? '';
    // The gradient of one replica may be made in any way, but a sum of several must not be narrow before it is cast.
    if (type === 'Cast' && (ADDS.test(made) || /^Collective|Recv$/.test(made)))
      found.strange.push(`${name} casts a sum`);
    if (!adds && !scales && !MOVES.test(type)) return;
    seen.add(name);
    if (adds) found.adds++;
    if (/^Collective|Recv$/.test(type)) found.collectives++;
    const wide = dtype === undefined || dtype === TF_TYPE.float32;
    if (!wide || (adds && !/^(Add|AddV2)$/.test(type)))
      found.strange.push(`${type} of type ${dtype}: ${name}`);
    for (const next of values(node)) visit(next, scaled || scales);
  };
  // Inputs: variable, momentum, rate, gradient, momentum's factor. Gradients come back as means, scaled once.
  for (const { inputs } of updates) visit(inputs[3] ?? '', false);
  return {
    ...found,
    updates: updates.length,
    folded: nodes.filter(({ type }) => type === 'AddN').map(({ name }) => name),
    narrow: nodes.filter(({ dtype }) => dtype === TF_TYPE.bfloat16).length,
    permuted: nodes.filter(({ type }) => type === 'DynamicStitch').map(({ dtype }) => dtype),
  };
}

/** The inputs that hold values, not shapes, places or keys of groups. */
function values({ type, inputs: all }: CompiledNode): readonly string[] {
  const inputs = all.filter((input) => !input.startsWith('^'));
  if (/^(Reshape|Slice|Pad|SplitV|Collective\w+)$/.test(type)) return inputs.slice(0, 1);
  if (type === 'Split') return inputs.slice(1, 2); // axis first
  if (type === 'ConcatV2') return inputs.slice(0, -1);
  return inputs;
}

await serve(step);
