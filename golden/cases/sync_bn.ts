import { z } from 'zod';
import { Meetings } from '../../harness/cluster/meetings.ts';
import { treeSum } from '../../harness/cluster/tree.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { transpose4 } from '../../harness/engine/layout.ts';
import { castTo } from '../../harness/engine/op.ts';
import { type Io, Program } from '../../harness/engine/program.ts';
import { detached, type Tensor, tf } from '../../harness/engine/tf.ts';
import { batchNorm } from '../../harness/nn/layers.ts';
import type { LayerContext, Module, Params } from '../../harness/nn/module.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { onServer, type Share } from '../../harness/testing/parity/share.ts';

const Layer = z.strictObject({
  samples_of_each_rank: z.array(z.int().positive()),
  shape: z.array(z.int().positive()),
  options: z.strictObject({
    momentum: z.number().optional(),
    eps: z.number().positive().optional(),
    affine: z.boolean().default(true),
    track_running_stats: z.literal(true).optional(),
  }),
});
type Layer = z.infer<typeof Layer>;
const Parameters = z.looseObject({
  eps: z.number(),
  steps: z.int().positive(),
  layers: z.record(z.string(), Layer),
});

const STATISTICS = ['running_mean', 'running_var', 'num_batches_tracked'];

/** Batch norm over replicas, forward, backward and running statistics. */
export const syncBatchNormCase: ParityCase = {
  methods: ['sync_batch_norm'],
  run: async (fixture, comparisons, share) => {
    await startEngine();
    const { eps, steps, layers } = fixture.field('hyper_parameters', Parameters);
    for (const [name, layer] of Object.entries(layers)) {
      const { affine, momentum, eps: own = eps } = layer.options;
      const [channels = 0] = layer.shape;
      const module = batchNorm({
        channels,
        epsilon: own,
        affine,
        sync: true,
        ...(momentum === undefined ? {} : { momentum }),
      });
      const program = compile(layer, module, share);
      await program.writeStates(initial(fixture, name, module));
      for (let step = 1; step <= steps; step++) {
        const outputs = await program.run('step', inputs(fixture, `in.step${step}.${name}`, share));
        for (const [key, value] of Object.entries(outputs)) {
          const [rank = '', ...rest] = key.split('.');
          comparisons.add(`${rank}.step${step}.${name}.${rest.join('.')}`, toFile(value));
        }
        for (const key of STATISTICS)
          comparisons.add(`step${step}.${name}.state.${key}`, listed(await program.readState(key)));
      }
      const last = inputs(fixture, `in.step${steps}.${name}`, share);
      for (const [key, value] of Object.entries(await program.run('evaluate', last)))
        comparisons.add(`${key}.eval.${name}.out`, toFile(value));
      program.dispose();
    }
  },
};

/** Entries `step` and `evaluate` of one layer on all ranks; parameters and statistics are state. */
function compile(layer: Layer, module: Module, share: Share): Program {
  const program = new Program(onServer(share));
  for (const [name, { dtype, shape }] of [...module.parameters, ...module.buffers])
    program.state(name, { dtype, shape });
  const [channels = 0, ...pixels] = layer.shape;
  const counts = layer.samples_of_each_rank;
  const feeds = share.ranks.flatMap((r) => {
    const count = counts[r] ?? 0;
    const spec = { dtype: 'float32', shape: [count, ...pixels, channels] } as const;
    return [
      [`rank${r}.x`, spec],
      [`rank${r}.grad_output`, spec],
    ] as const;
  });
  const entry = { inputs: Object.fromEntries(feeds) };
  program.entry('step', { ...entry, build: (io) => step(io, module, counts, share) });
  program.entry('evaluate', { ...entry, build: (io) => evaluate(io, module, share) });
  return program;
}

function step(
  io: Io,
  module: Module,
  counts: readonly number[],
  { layout, ranks }: Share,
): Record<string, Tensor> {
  const names = [...module.parameters.keys()];
  const meetings = new Meetings(layout, counts);
  const variables = ranks.flatMap((r) => [
    detached(fed(io, r, 'x')),
    ...names.map((name) => detached(io.read(name))),
  ]);
  const width = 1 + names.length;
  const outputs: Record<string, Tensor> = {};
  const loss = (...values: Tensor[]) =>
    treeSum(
      ranks.map((r, i) => {
        const [x, ...own] = values.slice(i * width, (i + 1) * width);
        if (x === undefined) throw new Error('sync_bn: no input');
        const params = Object.fromEntries(names.map((name, i) => [name, own[i]])) as Params;
        const y = module.apply(params, x, context(io, meetings, r, ranks));
        outputs[`rank${r}.out`] = tf.mul(y, 1);
        return tf.sum(tf.mul(y, fed(io, r, 'grad_output')));
      }),
    );
  const gradients = tf.grads(loss as (...args: Tensor[]) => Tensor)(variables);
  meetings.close();
  gradients.forEach((gradient, i) => {
    const name = names[(i % width) - 1];
    const key = name === undefined ? 'grad_input' : `local_grad.${name}`;
    outputs[`rank${ranks[Math.floor(i / width)]}.${key}`] = castTo(gradient, 'float32');
  });
  return outputs;
}

function evaluate(io: Io, module: Module, { layout, ranks }: Share): Record<string, Tensor> {
  const params = Object.fromEntries(
    [...module.parameters.keys()].map((name) => [name, io.read(name)]),
  );
  const meetings = new Meetings(layout);
  return Object.fromEntries(
    ranks.map((r) => {
      const frozen = { ...context(io, meetings, r, ranks), train: false };
      return [`rank${r}`, module.apply(params, fed(io, r, 'x'), frozen)];
    }),
  );
}

/** Statistics are the same on all ranks; those of the first one here become state. */
function context(
  io: Io,
  meetings: Meetings,
  replica: number,
  own: readonly number[],
): LayerContext {
  const unused = () => {
    throw new Error('sync_bn: one layer without dropout was expected');
  };
  return {
    train: true,
    replicas: meetings.layout.replicas,
    buffer: (name) => io.read(name),
    update: (name, value) => {
      if (replica === own[0]) io.assign(name, value);
    },
    chance: unused,
    meeting: (name) => meetings.at(name, replica),
    scope: unused,
  };
}

function fed(io: Io, rank: number, name: string): Tensor {
  const tensor = io.inputs[`rank${rank}.${name}`];
  if (tensor === undefined) throw new Error(`sync_bn: no input ${name} of rank ${rank}`);
  return tensor;
}

function inputs(
  fixture: Fixture,
  key: string,
  { ranks }: Share,
): Record<string, HostArray['data']> {
  return Object.fromEntries(
    ranks.flatMap((r) =>
      ['x', 'grad_output'].map((name) => {
        const array = fixture.input(`rank${r}.${key}.${name}`);
        return [`rank${r}.${name}`, fromFile(array).data];
      }),
    ),
  );
}

function initial(fixture: Fixture, layer: string, module: Module): [string, HostArray][] {
  return [...module.parameters, ...module.buffers].map(([name, { dtype, shape }]) => [
    name,
    hostArray(dtype, shape, fixture.input(`init.${layer}.${name}`).data),
  ]);
}

/** [N, C], [N, C, L] or [N, C, H, W] → with the channels last. */
function fromFile(value: HostArray): HostArray {
  const [n = 0, c = 0, height = 1, width = 1] = value.shape;
  return transpose4({ ...value, shape: [n, c, height, width] }, [0, 2, 3, 1]);
}

function toFile({ dtype, shape, data }: HostArray): HostArray {
  if (shape.length < 3) return { dtype, shape, data };
  const [n = 0, ...rest] = shape;
  const [c = 0, ...places] = [...rest.slice(-1), ...rest.slice(0, -1)];
  const [height = 1, width = 1] = places;
  const moved = transpose4({ dtype, shape: [n, height, width, c], data }, [0, 3, 1, 2]);
  return { ...moved, shape: [n, c, ...places] };
}

/** Scalars have shape [1] in fixtures. */
function listed(value: HostArray): HostArray {
  return value.shape.length === 0 ? hostArray(value.dtype, [1], value.data) : value;
}
