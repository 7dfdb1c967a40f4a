import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../base/index.ts';
import { arrayType, bytesOf, type HostArray, hostArray, sizeOf } from '../../engine/array.ts';
import { pythonWith } from '../../testing/python.ts';
import { detectronName, encodeDetectron, readDetectron } from '../detectron.ts';
import { hashTensors } from '../safetensors.ts';
import { readTorchFile } from './torch_file.ts';
import { encodeTorch } from './write_torch.ts';

const folder = mkdtempSync(join(tmpdir(), 'write-torch-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DTYPES = [
  ...(['float32', 'float64', 'int32', 'int64'] as const),
  ...(['uint8', 'bool', 'float16', 'bfloat16'] as const),
];

/** Tensors of every type and of odd shapes, with every bit pattern that fits in a few of them. */
const EVERY = new Map<string, HostArray>([
  ...DTYPES.map((dtype, i) => [`layer1.${i}.bn1.${dtype}`, counted(dtype, [2, 3])] as const),
  ['conv1.weight', counted('float32', [2, 3, 1, 2])],
  ['bn1.num_batches_tracked', hostArray('int64', [], BigInt64Array.of(-(2n ** 62n)))],
  ['downsample.empty', hostArray('float64', [0, 4], new Float64Array())],
  ['grün', hostArray('float32', [3], Float32Array.of(NaN, -0, -Infinity))],
]);

function counted(dtype: (typeof DTYPES)[number], shape: readonly number[]): HostArray {
  const size = sizeOf(shape);
  const raw = Uint8Array.from({ length: size * arrayType(dtype).BYTES_PER_ELEMENT }, (_, i) =>
    dtype === 'bool' ? i % 2 : (i * 37) % 251,
  );
  return hostArray(dtype, shape, new (arrayType(dtype))(raw.buffer as ArrayBuffer));
}

const withoutBfloat16 = new Map([...EVERY].filter(([, { dtype }]) => dtype !== 'bfloat16'));

function put(name: string, pieces: Iterable<Uint8Array>): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([...pieces]));
  return path;
}

describe('bytes', () => {
  // These files were once read by PyTorch 2.15 and Python's pickle with numpy, as the last test does where they are.
  test('are the same everywhere and at any time', () => {
    expect(sha256(Buffer.concat([...encodeTorch(EVERY)]))).toBe(
      '37d47cefa8326ea940e669154d8ca89a21e82d564f95d5fc4ff2e03a5815ce46',
    );
    expect(sha256(Buffer.concat([...encodeDetectron(withoutBfloat16)]))).toBe(
      'd5046498e9483fdf58972dab114fb6fa7bf44efe2948b6027abe3644e9de31e1',
    );
  });

  test('come back as the same tensors, bit by bit and type by type', () => {
    expect(hashTensors(readTorchFile(put('every.pth', encodeTorch(EVERY))))).toBe(
      hashTensors(EVERY),
    );
    const pickle = put('every.pkl', encodeDetectron(withoutBfloat16));
    expect(hashTensors(readDetectron(pickle))).toBe(hashTensors(withoutBfloat16));
  });

  test('of any tensors come back', () => {
    const tensor = fc
      .tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat(4), { maxLength: 4 }))
      .map(([dtype, shape]) => counted(dtype, shape));
    const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => !text.includes('.'));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, tensor), { maxLength: 6 }), (named) => {
        const tensors = new Map(named);
        expect(hashTensors(readTorchFile(put('any.pth', encodeTorch(tensors))))).toBe(
          hashTensors(tensors),
        );
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

test('bfloat16 does not go into a pickle for detectron2', () => {
  expect(() => encodeDetectron(EVERY)).toThrow(
    'layer1.7.bn1.bfloat16 is of bfloat16, which numpy does not have; convert it to float32 first',
  );
});

const python = pythonWith('torch', 'numpy');
test.skipIf(python === undefined)('PyTorch and pickle read the same bits', () => {
  const files = [
    put('python.pth', encodeTorch(EVERY)),
    put('python.pkl', encodeDetectron(withoutBfloat16)),
  ];
  const { stdout, stderr, status } = spawnSync(
    String(python),
    ['-W', 'error', '-c', READ, ...files],
    {
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const [torch, pickle] = JSON.parse(stdout);
  const expected = (tensors: ReadonlyMap<string, HostArray>, named = (name: string) => name) =>
    Object.fromEntries(
      [...tensors].map(([name, { dtype, shape, data }]) => [
        named(name),
        [dtype, shape, Buffer.from(bytesOf(data)).toString('hex')],
      ]),
    );
  expect(torch).toEqual(expected(EVERY));
  expect(pickle.model).toEqual(expected(withoutBfloat16, detectronName));
  expect(pickle.others).toEqual({ __author__: 'OpenSelfSup', matching_heuristics: true });
});

const READ = `
import json, pickle, sys
import numpy, torch
state = torch.load(sys.argv[1], weights_only=True)
raw = lambda t: t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes().hex() if t.numel() else ""
one = {k: [str(t.dtype).removeprefix("torch."), list(t.shape), raw(t)] for k, t in state.items()}
with open(sys.argv[2], "rb") as file:
    made = pickle.load(file)
model = made.pop("model")
assert all(type(v) is numpy.ndarray for v in model.values())
two = {k: [str(v.dtype), list(v.shape), v.tobytes().hex()] for k, v in model.items()}
print(json.dumps([one, {"model": two, "others": made}]))
`;
