import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DType, HostArray } from '../engine/array.ts';
import { hostArray, zeros } from '../engine/array.ts';
import { type ResNetSpec, resnet, resnetSpec } from '../nn/resnet.ts';
import { recogniseBackbone } from './recognise.ts';
import { hashTensors, writeSafetensors } from './safetensors.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'recognise-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Input = Parameters<typeof resnetSpec.parse>[0];
type Tensors = Map<string, HostArray>;

/** Tensors of a network in the shapes of files, each filled with a number of its own. */
function tensorsOf(input: Input, prefix = '', begin = 1): Tensors {
  const { parameters, buffers } = resnet(resnetSpec.parse(input)).module;
  return new Map(
    [...parameters, ...buffers].map(([name, { shape, dtype }], i) => {
      const [h, w, inputs, outputs] = shape;
      const found = shape.length === 4 ? [outputs, inputs, h, w].map(Number) : shape;
      return [prefix + name, filled(dtype, found, begin + i)];
    }),
  );
}

function filled(dtype: DType, shape: readonly number[], value: number): HostArray {
  const array = zeros(dtype, shape);
  if (dtype === 'float32') array.data.fill(value as never);
  return array;
}

/** Whether tensors are the same in every bit, names without the prefix of the second. */
function same(taken: ReadonlyMap<string, HostArray>, all: Tensors, prefix = ''): boolean {
  const bare = new Map([...all].map(([name, value]) => [name.slice(prefix.length), value]));
  return (
    String([...taken.keys()]) === String([...bare.keys()]) &&
    hashTensors(taken) === hashTensors(bare)
  );
}

let count = 0;
async function written(tensors: Tensors, metadata: Record<string, string> = {}) {
  count += 1;
  const path = join(folder, `file_${count}.safetensors`);
  await writeSafetensors(path, { tensors, metadata });
  return path;
}

const found = async (tensors: Tensors, prefix?: string) =>
  recogniseBackbone(await written(tensors), { prefix });

const cases: readonly Input[] = [
  ...([18, 34, 50, 101, 152] as const).flatMap((depth) => [
    { depth, width: 1 / 64 },
    { depth, width: 1 / 32, stem: 'cifar' as const, channels: 2 },
  ]),
  { depth: 50, width: 1 / 8, groups: 32, groupWidth: 8 },
  { depth: 101, width: 1 / 16, groups: 4, groupWidth: 64 },
  { depth: 50, width: 3 / 8, groups: 32, groupWidth: 4 },
  { depth: 50, width: 1 / 16, groups: 1, groupWidth: 128 },
  { depth: 18, width: 0.5, norm: 'group', normGroups: 32 },
];

describe('what tensors are of is told by their shapes', () => {
  test.each(cases)('%o', async (input) => {
    const tensors = tensorsOf(input);
    const { spec, tensors: taken, rule } = await found(tensors);
    expect(spec).toEqual(resnetSpec.parse(input));
    expect(same(taken, tensors)).toBe(true);
    expect(rule).toContain('bare names');
  });

  test('any ResNet of any width, groups and image', async () => {
    const inputs: fc.Arbitrary<ResNetSpec> = fc
      .record({
        depth: fc.constantFrom(18, 34, 50),
        width: fc.integer({ min: 1, max: 6 }).map((n) => n / 64),
        stem: fc.constantFrom('imagenet', 'cifar'),
        channels: fc.constantFrom(2, 3),
        groups: fc.constantFrom(2, 3, 8),
        groupWidth: fc.integer({ min: 16, max: 64 }),
      })
      .map(({ groups, groupWidth, ...input }) =>
        resnetSpec.parse(
          input.depth >= 50 && input.width * groupWidth >= 1
            ? { ...input, groups, groupWidth }
            : input,
        ),
      );
    await fc.assert(
      fc.asyncProperty(inputs, async (spec) => {
        const tensors = tensorsOf(spec);
        const { spec: told, tensors: taken } = await found(tensors);
        expect({ ...told, groupWidth: 0 }).toEqual({ ...spec, groupWidth: 0 });
        expect([...tensorsOf(told).keys()]).toEqual([...tensors.keys()]);
        expect(same(taken, tensors)).toBe(true);
      }),
      { seed: 5, numRuns: 40 },
    );
  });
});

describe('a file of several networks', () => {
  const query = () => tensorsOf({ depth: 18, width: 1 / 64 }, 'module.encoder_q.', 1);
  const key = () => tensorsOf({ depth: 18, width: 1 / 64 }, 'module.encoder_k.', 1000);
  const extra = (): Tensors =>
    new Map([
      ['module.queue', filled('float32', [2, 4], 9)],
      ['module.queue_ptr', zeros('int64', [1])],
      ['module.encoder_q.fc.0.weight', filled('float32', [2, 4], 9)],
      ['optimizer.state.0.momentum_buffer', filled('float32', [2, 4], 9)],
      ['strange_thing', filled('float32', [2], 9)],
    ]);

  test('gives the query encoder of MoCo, and accounts for every key', async () => {
    const { tensors, prefix, said } = await found(new Map([...key(), ...query(), ...extra()]));
    expect(prefix).toBe('module.encoder_q.');
    expect(same(tensors, query(), 'module.encoder_q.')).toBe(true);
    expect(said.slice(0, 1).join()).toMatch(/ResNet-18, width 0.015625, 120 tensors under/);
    expect(said.at(-2)).toMatch(
      /not needed: module\.encoder_k\.\* \(120\), module\.encoder_q.* \(1\), module\.queue, module\.queue_ptr, optimizer\.\*/,
    );
    expect(said.at(-1)).toMatch(/not known and not used: strange_thing$/);
  });

  test('gives the one that is asked for', async () => {
    const both = new Map([...query(), ...key()]);
    const { tensors, rule } = await found(both, 'module.encoder_k');
    expect(same(tensors, key(), 'module.encoder_k.')).toBe(true);
    expect(rule).toBe('--prefix');
  });

  test('is refused where nothing decides', async () => {
    const two = tensorsOf({ depth: 18, width: 1 / 64 }, 'left.');
    const other = tensorsOf({ depth: 18, width: 1 / 64 }, 'right.');
    await expect(found(new Map([...two, ...other]))).rejects.toThrow(
      /has 2 backbones, and no known layout says which to take.*--prefix/,
    );
  });
});

describe('what is no backbone that can be built is refused by the tensor that tells', () => {
  const small = { depth: 50, width: 1 / 32 } as const;
  const put = (name: string, shape: readonly number[]): Tensors =>
    new Map([...tensorsOf(small), [name, filled('float32', shape, 0)]]);

  test.each([
    ['layer1.0.se.fc1.weight', [2, 8, 1, 1]],
    ['layer1.0.conv2.1.filt', [2, 1, 3, 3]],
    ['layer2.0.downsample.2.weight', [4]],
    ['layer1.0.conv1.bias', [2]],
    ['conv2.weight', [2, 2, 3, 3]],
    ['layer5.0.conv1.weight', [2, 2, 3, 3]],
    ['stem.0.weight', [2, 2, 3, 3]],
  ])('%s', async (name, shape) => {
    await expect(found(put(name, shape))).rejects.toThrow(
      `${name} is inside the backbone under "" and of no ResNet that can be built here`,
    );
  });

  test.each<[string, readonly number[], RegExp]>([
    ['conv1.weight', [2, 3, 5, 5], /filters of 5x5 pixels, expected 7x7 or 3x3/],
    ['conv1.weight', [2, 1, 7, 7], /takes 1 channels, expected 3 \(colours\) or 2/],
    ['conv1.weight', [2, 3, 7], /\[2,3,7\] is no convolution/],
    ['layer1.0.conv2.weight', [2, 3, 3, 3], /is no convolution in equal groups/],
    [
      'layer3.2.conv1.weight',
      [9, 9, 1, 1],
      /layer3\.2\.conv1\.weight is float32 \[9,9,1,1\], expected/,
    ],
    ['layer3.2.bn1.bias', [9], /layer3\.2\.bn1\.bias is float32 \[9\], expected float32 \[8\]/],
  ])('%s of shape %o', async (name, shape, message) => {
    await expect(found(put(name, shape))).rejects.toThrow(message);
  });

  test.each([
    'bn1.running_var',
    'layer4.2.conv3.weight',
    'layer1.0.downsample.1.bias',
    'conv1.weight',
  ])('%s is missing', async (name) => {
    const tensors = tensorsOf(small);
    tensors.delete(name);
    await expect(found(tensors)).rejects.toThrow(
      new RegExp(`${name}.* (is|are) missing|missing: ${name}`),
    );
  });

  test('a stem of three convolutions', async () => {
    const tensors = new Map(
      [...tensorsOf(small)].map(([name, value]) => [name.replace(/^conv1\./, 'conv1.0.'), value]),
    );
    for (const place of [3, 6])
      tensors.set(`conv1.${place}.weight`, filled('float32', [2, 2, 3, 3], 0));
    await expect(found(tensors)).rejects.toThrow(
      'conv1.0.weight, conv1.3.weight, conv1.6.weight are inside the backbone under ""',
    );
  });

  test('blocks of no known depth', async () => {
    const tensors = tensorsOf(small);
    for (const name of tensors.keys()) if (name.startsWith('layer3.5.')) tensors.delete(name);
    await expect(found(tensors)).rejects.toThrow(/3, 4, 5, 3 blocks of three convolutions/);
  });

  test('a layer that is of integers', async () => {
    const tensors = tensorsOf(small);
    tensors.set('layer1.0.bn1.bias', zeros('int32', [2]));
    await expect(found(tensors)).rejects.toThrow(/layer1\.0\.bn1\.bias is int32 \[2\], expected/);
  });
});

test('counters of batch norms may be missing, as in files of before PyTorch 0.4.1', async () => {
  const tensors = tensorsOf({ depth: 18, width: 1 / 64 });
  const old = new Map([...tensors].filter(([name]) => !name.endsWith('num_batches_tracked')));
  const { tensors: taken } = await found(old);
  expect([...taken.keys()]).toEqual([...tensors.keys()]);
  expect(taken.get('bn1.num_batches_tracked')).toEqual(
    hostArray('int64', [], new BigInt64Array(1)),
  );
});

describe('files of this system', () => {
  const backbone = {
    ...{ depth: 18, width: 1 / 64, stem: 'cifar', norm: 'sync', frozenStages: 1 },
    ...{ strides: [1, 1, 2, 2], normEpsilon: 1e-3 },
  } as const;
  const experiment = JSON.stringify({ name: 'x', backbone });
  const evaluated = resnetSpec.parse({
    ...{ depth: 18, width: 1 / 64, stem: 'cifar' },
    ...{ strides: [1, 1, 2, 2], normEpsilon: 1e-3 },
  });

  test('say of which network they are, also what tensors do not tell', async () => {
    const metadata = { format: 'reprise-weights-1', experiment, backbonePrefix: 'encoder_k.0.' };
    const both = new Map([
      ...tensorsOf(backbone, 'encoder_q.0.'),
      ...tensorsOf(backbone, 'encoder_k.0.', 500),
    ]);
    const { spec, prefix, tensors } = await recogniseBackbone(await written(both, metadata));
    expect(spec).toEqual(evaluated);
    expect(prefix).toBe('encoder_k.0.');
    expect(same(tensors, tensorsOf(backbone, '', 500))).toBe(true);
  });

  test('are refused where their tensors are of another', async () => {
    const metadata = { format: 'reprise-backbone-1', experiment };
    const other = tensorsOf({ ...backbone, width: 1 / 32 });
    await expect(recogniseBackbone(await written(other, metadata))).rejects.toThrow(
      /conv1\.weight is float32 \[2,3,3,3\], expected float32 \[1,3,3,3\]/,
    );
  });

  test('may be checkpoints, with momentum and statistics of other replicas', async () => {
    const tensors = new Map([
      ...tensorsOf(backbone, 'encoder_q.0.', 1),
      ...tensorsOf(backbone, 'encoder_k.0.', 300),
      ...tensorsOf(backbone, 'optimizer.momentum.encoder_q.0.', 600),
      ...tensorsOf(backbone, 'replica1.encoder_q.0.', 900),
    ]);
    const file = await written(tensors);
    const { openWeights } = await import('./published.ts');
    expect((await openWeights(file)).tensors.size).toBe(480);
    const { saveCheckpoint } = await import('./checkpoint.ts');
    const meta = {
      experiment: { name: 'x', backbone },
      ...{ experimentId: 'a'.repeat(64), epoch: 1, step: 4, epochStep: 0, extra: {} },
    };
    const saved = await saveCheckpoint(folder, { tensors, meta } as never);
    const { prefix, spec, tensors: taken, said } = await recogniseBackbone(saved.file);
    expect(prefix).toBe('encoder_q.0.');
    expect(spec).toEqual(evaluated);
    expect(same(taken, tensorsOf(backbone))).toBe(true);
    expect(said).toContain(`${saved.file}: not needed: the state of the run (240 tensors)`);
  });
});
