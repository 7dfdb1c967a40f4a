import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../base/index.ts';
import { type HostArray, hostArray } from '../engine/array.ts';
import {
  detectorName,
  isPretrained,
  readDetectorFile,
  resnetNameInDetector,
} from './detector_file.ts';
import { encodeDetectron, encodeModel } from './detectron.ts';
import { matchNames } from './match_names.ts';
import { encodeTorch } from './torch/write_torch.ts';

const folder = mkdtempSync(join(tmpdir(), 'detector-'));
afterAll(() => rmSync(folder, { recursive: true }));

const array = (...shape: number[]): HostArray => {
  const size = shape.reduce((product, side) => product * side, 1);
  return hostArray(
    'float32',
    shape,
    Float32Array.from({ length: size }, (_, i) => i + shape.length),
  );
};
const written = (name: string, pieces: Iterable<Uint8Array>) => {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([...pieces]));
  return path;
};

/** Names of a ResNet, and a detector of them with a norm and a predictor of its own. */
const backbone = new Map([
  ['conv1.weight', array(4, 3, 7, 7)],
  ['bn1.running_mean', array(4)],
  ['bn1.num_batches_tracked', hostArray('int64', [], BigInt64Array.of(3n))],
  ['layer1.0.downsample.1.bias', array(5)],
  ['layer4.0.conv2.weight', array(2, 2, 3, 3)],
  ['fc.weight', array(9, 2)],
]);
const fresh = new Map([
  ['roi_heads.res5.norm.bias', [2]],
  ['roi_heads.box_predictor.cls_score.weight', [7, 2]],
]);
const model = new Map<string, readonly number[]>([
  ...[...backbone]
    .filter(([name]) => !name.startsWith('fc'))
    .map(([name, { shape }]) => [detectorName(name), shape] as const),
  ...fresh,
]);
const whole = new Map([...model].map(([name, shape]) => [name, array(...shape)]));

test('names of the last stage are of the head, others of the backbone, and back', () => {
  expect(detectorName('layer4.0.bn1.bias')).toBe('roi_heads.res5.0.conv1.norm.bias');
  expect(detectorName('conv1.weight')).toBe('backbone.stem.conv1.weight');
  for (const name of backbone.keys()) expect(resnetNameInDetector(detectorName(name))).toBe(name);
  expect([...fresh.keys()].filter(isPretrained)).toEqual([]);
  expect(resnetNameInDetector('backbone.res5.0.conv1.weight')).toBeUndefined();
});

describe('a converted backbone', () => {
  test('arrives whole, the rest stays fresh, and what is left over is told', () => {
    const path = written('backbone.pkl', encodeDetectron(backbone));
    const { tensors, match } = readDetectorFile(path, model);
    expect([...tensors.keys()]).toEqual([...model.keys()].filter((name) => !fresh.has(name)));
    for (const [name, tensor] of backbone)
      if (!name.startsWith('fc')) expect(tensors.get(detectorName(name))).toEqual(tensor);
    expect(match.unused).toEqual(['stem.fc.weight']);
    expect(match.missing).toEqual([...fresh.keys()]);
  });

  test('of which a tensor is missing is refused; a counter may be', () => {
    const less = new Map([...backbone].filter(([name]) => name !== 'layer4.0.conv2.weight'));
    const path = written('less.pkl', encodeDetectron(less));
    expect(() => readDetectorFile(path, model)).toThrow(UserError);
    expect(() => readDetectorFile(path, model)).toThrow(
      '3 of the 4 tensors of the pre-trained network arrived: the file has no roi_heads.res5.0.conv2.weight; left over in it: stem.fc.weight',
    );
    const uncounted = new Map([...backbone].filter(([name]) => !name.endsWith('tracked')));
    const counted = readDetectorFile(written('u.pkl', encodeDetectron(uncounted)), model);
    expect(counted.match.missing).toContain('backbone.stem.conv1.norm.num_batches_tracked');
  });

  test('of another width is refused with both shapes', () => {
    const wide = new Map([...backbone, ['conv1.weight', array(8, 3, 7, 7)]]);
    const path = written('wide.pkl', encodeDetectron(wide));
    expect(() => readDetectorFile(path, model)).toThrow(
      'stem.conv1.weight is [8,3,7,7], backbone.stem.conv1.weight [4,3,7,7]',
    );
  });

  test('under names that were never converted is refused: little would arrive', () => {
    const path = written('raw.pkl', encodeModel(backbone, true));
    expect(() => readDetectorFile(path, model)).toThrow('1 of the 4 tensors');
  });
});

test.each([
  ['whole.pkl', () => encodeModel(whole, false)],
  [
    'whole.pth',
    () => encodeTorch(new Map([...whole].map(([name, one]) => [`model.${name}`, one]))),
  ],
])('a whole detector comes back from %s', (name, pieces) => {
  const { tensors, match } = readDetectorFile(written(name, pieces()), model, true);
  expect(tensors).toEqual(whole);
  expect([match.unused, match.missing, match.misfits]).toEqual([[], [], []]);
});

test('a whole detector is wanted, and a part of it is there', () => {
  const path = written('part.pkl', encodeDetectron(backbone));
  expect(() => readDetectorFile(path, model, true)).toThrow('roi_heads.res5.norm.bias');
});

test('a checkpoint without a model is refused', () => {
  const path = written('other.pth', encodeTorch(backbone));
  expect(() => readDetectorFile(path, model)).toThrow('has no table `model`');
});

const shape = [1];
const of = (...names: string[]) => new Map(names.map((name) => [name, shape]));

test('only whole components count, and the longest name is taken', () => {
  const found = matchNames(of('v1.weight', 'weight', 'conv1.weight'), of('a.conv1.weight'));
  expect([...found.matched]).toEqual([['a.conv1.weight', 'conv1.weight']]);
  expect(found.unused).toEqual(['v1.weight', 'weight']);
  expect(matchNames(of('v1.weight'), of('a.conv1.weight')).missing).toEqual(['a.conv1.weight']);
  expect(matchNames(of('conv1.weight'), of('a.conv1.weight'), false).matched.size).toBe(0);
});

test('a name for two of the model is an error that names both', () => {
  expect(() => matchNames(of('w'), of('a.w', 'b.w'))).toThrow('w of the file could be a.w and b.w');
});

test('every name is accounted for once (fast-check)', () => {
  const word = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('.'));
  const names = fc.uniqueArray(word, { maxLength: 6 });
  const shapes = names.map((all) => new Map(all.map((name, i) => [name, [i % 2]])));
  fc.assert(
    fc.property(shapes, shapes, (file, own) => {
      let found: ReturnType<typeof matchNames>;
      try {
        found = matchNames(file, own);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        return;
      }
      const { matched, misfits, unused, missing } = found;
      expect([...matched.keys(), ...missing].sort()).toEqual([...own.keys()].sort());
      const used = new Set([...matched.values(), ...misfits.map((one) => one.file)]);
      expect([...used, ...unused].sort()).toEqual([...file.keys()].sort());
      for (const [name, taken] of matched) {
        const candidates = [...file.keys()].filter(
          (one) => name === one || name.endsWith(`.${one}`),
        );
        expect(taken).toBe(candidates.sort((a, b) => b.length - a.length)[0]);
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});
