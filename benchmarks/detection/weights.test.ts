import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Json } from '../../harness/base/index.ts';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { resnet, resnetSpec } from '../../harness/nn/resnet.ts';
import { convertWeights } from '../../harness/publish/convert.ts';
import { publish } from '../../harness/publish/publish.ts';
import { chained } from '../../harness/record/entries.ts';
import { readPretrained } from '../../harness/step/initial_weights.ts';
import { pythonWith } from '../../harness/testing/python.ts';
import { sharedPath } from '../../harness/testing/shared.ts';
import { saveCheckpoint, stateHash } from '../../harness/weights/checkpoint.ts';
import {
  detectorName,
  isPretrained,
  readDetectorFile,
} from '../../harness/weights/detector_file.ts';
import { fileShapes } from '../../harness/weights/file_shapes.ts';
import { openPublished } from '../../harness/weights/published.ts';
import {
  hashTensors,
  readSafetensors,
  writeSafetensors,
} from '../../harness/weights/safetensors.ts';
import { entriesOf } from './bind.ts';
import { type DetectorSpec, networks } from './c4.ts';
import { detectorModel } from './network.ts';

const folder = mkdtempSync(join(tmpdir(), 'detector-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

const parity = fileURLToPath(new URL('../../golden/parity/', import.meta.url));
const top = { before: 40, after: 10, threshold: 0.7, minSize: 0 };
const spec = (classes: number, mask: number | undefined, width: number): DetectorSpec => ({
  classes,
  backbone: {
    ...({ depth: 50, stem: 64 * width, res2: 256 * width } as const),
    ...({ inner: 64 * width, strideIn: '3x3', norm: 'batch' } as const),
  },
  extraNorm: true,
  anchors: { sizes: [32, 64, 128, 256, 512], ratios: [0.5, 1, 2], stride: 16, offset: 0 },
  rpn: { thresholds: [0.3, 0.7], count: 256, positiveFraction: 0.5 },
  proposals: { train: top, test: top },
  pooler: { output: 14, scale: 1 / 16, samplingRatio: 0, aligned: true },
  roi: { threshold: 0.5, count: 512, positiveFraction: 0.25, coderWeights: [10, 10, 5, 5] },
  mask: mask === undefined ? undefined : { channels: mask },
  detections: { scoreThreshold: 0.05, nmsThreshold: 0.5, most: 5, coderWeights: [10, 10, 5, 5] },
});
const shapesOf = (one: DetectorSpec) =>
  fileShapes(entriesOf(networks(one), 'parameters'), entriesOf(networks(one), 'buffers'));
const sorted = <T>(entries: Iterable<readonly [string, T]>) =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

it('the full-size detectors have the names and shapes of detectron2', () => {
  const Shapes = z.record(z.string(), z.array(z.int()));
  const Names = z.looseObject({ 'state_dict.voc': Shapes, 'state_dict.coco': Shapes });
  const file = Names.parse(JSON.parse(readFileSync(join(parity, 'det_weights.json'), 'utf8')));
  const { 'state_dict.voc': voc, 'state_dict.coco': coco } = file;
  expect(sorted(shapesOf(spec(20, undefined, 1)))).toEqual(sorted(Object.entries(voc)));
  expect(sorted(shapesOf(spec(80, 256, 1)))).toEqual(sorted(Object.entries({ ...voc, ...coco })));
});

// A published number was once made with fewer tensors than there are, as a step had been forgotten (DenseCL#6).
describe('a backbone that a detector begins with', () => {
  const backbone = resnet(resnetSpec.parse({ depth: 50, width: 1 / 16 }));
  const model = detectorModel(spec(3, undefined, 1 / 16), backbone);
  const { parameters, buffers } = backbone.module;
  const own = [...fileShapes(parameters, buffers)].filter(([name]) => !name.endsWith('_tracked'));
  const tensors = new Map(
    own.map(([name, shape], i) => {
      const count = shape.reduce((size, n) => size * n, 1);
      return [name, hostArray('float32', shape, new Float32Array(count).fill(i))] as const;
    }),
  );
  const read = async (left: (name: string) => boolean) => {
    const file = join(folder, 'backbone.safetensors');
    const some = new Map([...tensors].filter(([name]) => !left(name)));
    await writeSafetensors(file, { tensors: some, metadata: {} });
    return readPretrained({ file, methods: {} }, model);
  };

  it('arrives whole, each tensor under the name that it has in the detector', async () => {
    const { values, said } = await read(() => false);
    const expected = new Map([...tensors].map(([name, value]) => [detectorName(name), value]));
    expect(hashTensors(values)).toBe(hashTensors(expected));
    expect(values.size).toBe(265); // 53 convolutions, each with a norm of four
    expect(said.join()).toContain('265 tensors taken');
  });

  it.each([
    ['conv1.weight', 1],
    ['layer4.2.conv3.weight', 1],
    ['layer3.5.bn2.running_var', 1],
    ['layer4.', 50],
  ])('is refused without %s', async (start, count) => {
    await expect(read((name) => name.startsWith(start))).rejects.toThrow(
      `${count} tensors of the backbone are missing: ${start}`,
    );
  });
});

const counters = (one: HostArray) =>
  one.dtype === 'int64' ? hostArray('int64', [], one.data) : one;

/** The tensors of a case whose names begin alike, counters without an axis as PyTorch has them. */
function statesOf(path: string, prefix: string): ReadonlyMap<string, HostArray> {
  const { tensors } = readSafetensors(path, (name) => name.startsWith(prefix));
  return new Map(
    [...tensors].map(([name, value]) => [name.slice(prefix.length), counters(value)] as const),
  );
}

const given = sharedPath('parity-detection');
const cases = [
  ...[{ path: join(parity, 'det_c4_mask_step.safetensors'), prefix: 'init.' }],
  ...(given === undefined
    ? []
    : ['det_c4_train', 'det_c4_mask_train'].map((name) => ({
        path: join(given, `${name}.safetensors`),
        prefix: 'step2.state.',
      }))),
];

/** A checkpoint after two steps as training saves it: momentum and another replica's statistics beside. */
async function checkpointOf(detector: ReadonlyMap<string, HostArray>, place: string) {
  const tensors = new Map<string, HostArray>();
  for (const [name, value] of detector) {
    tensors.set(name, value);
    const other = /running|num_batches/.test(name) ? `replica1.${name}` : undefined;
    tensors.set(other ?? `optimizer.momentum.${name}`, value);
  }
  const experiment = { name: 'detection/voc', method: { kind: 'detection' }, seed: 1 };
  const zero = chained(
    { epoch: 0, step: 0, metrics: {}, stateHash: sha256Json('start') },
    undefined,
  );
  const hash = await stateHash(tensors);
  const epochs = [zero, chained({ epoch: 1, step: 2, metrics: {}, stateHash: hash }, zero)];
  const { file } = await saveCheckpoint(place, {
    tensors,
    meta: {
      ...{ experiment, experimentId: sha256Json(experiment), extra: { epochs } },
      ...{ epoch: 1, step: 2, epochStep: 0 },
    },
  });
  return file;
}

describe.each(cases)('a trained detector, $path', ({ path, prefix }) => {
  const detector = statesOf(path, prefix);
  const model = new Map([...detector].map(([name, { shape }]) => [name, shape]));
  const place = mkdtempSync(join(folder, 'run-'));

  it('goes on to files that detectron2 loads, from a checkpoint and published', async () => {
    const checkpoint = await checkpointOf(detector, place);
    const published = await publish({ source: place, methods: {} });
    expect(published.file).toBe(`detection_voc-${published.sha256.slice(0, 8)}.safetensors`);
    const { tensors, metadata } = openPublished(published.path);
    expect(hashTensors(tensors)).toBe(hashTensors(detector));
    expect(metadata).toMatchObject({ format: 'reprise-detector-1', epoch: '1', step: '2' });
    for (const source of [checkpoint, published.path])
      for (const name of ['model_final.pth', 'model_final.pkl']) {
        const out = join(place, name);
        const { said } = await convertWeights({ file: source, out });
        expect(said[0]).toContain(`${detector.size} tensors of a detector taken`);
        if (source === checkpoint) expect(said[1]).toMatch(/left: .*optimizer\.\* \(\d+\)/);
        else expect(said.length).toBe(1);
        const found = readDetectorFile(out, model, true);
        expect(hashTensors(found.tensors)).toBe(hashTensors(detector));
        expect([found.match.unused, found.warnings]).toEqual([[], []]);
      }
    for (const source of [checkpoint, published.path]) {
      const found = readDetectorFile(source, model, true);
      expect(hashTensors(found.tensors)).toBe(hashTensors(detector));
    }
  });

  it('gives its backbone on', async () => {
    const out = join(place, 'backbone.pkl');
    await convertWeights({ file: join(place, 'model_final.pth'), out, prefix: 'backbone' });
    const { match, tensors } = readDetectorFile(out, model);
    expect([...tensors.keys()]).toEqual([...model.keys()].filter(isPretrained));
    expect(match.unused).toEqual([]);
  });

  const python = pythonWith('torch', 'numpy');
  it.skipIf(python === undefined)('is what PyTorch and pickle read', () => {
    const files = ['model_final.pth', 'model_final.pkl'].map((name) => join(place, name));
    const { stdout, stderr } = spawnSync(String(python), ['-c', READ, ...files], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    expect(stderr).toBe('');
    const shapes = Object.fromEntries([...model].sort());
    const { torch, pickle } = z.record(z.string(), z.unknown()).parse(JSON.parse(stdout));
    expect(torch).toEqual({ others: { iteration: 1 }, shapes });
    expect(pickle).toEqual({
      others: { __author__: 'OpenSelfSup', matching_heuristics: false },
      shapes,
    });
  });
});

// The second file as detectron2 opens it; arrays become tensors there.
const READ = `
import json, pickle, sys
import numpy, torch
first = torch.load(sys.argv[1])
second = pickle.load(open(sys.argv[2], "rb"), encoding="latin1")
def told(file):
    model = file.pop("model")
    model = {k: torch.from_numpy(v) if isinstance(v, numpy.ndarray) else v for k, v in model.items()}
    told.models.append(model)
    return {"others": file, "shapes": {k: list(v.shape) for k, v in sorted(model.items())}}
told.models = []
out = {"torch": told(first), "pickle": told(second)}
a, b = told.models
assert all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)
print(json.dumps(out))
`;
