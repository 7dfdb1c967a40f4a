import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { detectorFiles } from '../testing/detector_files.ts';
import { isPretrained, readDetectorFile } from './detector_file.ts';
import { readDetectron } from './detectron.ts';
import { hashTensors } from './safetensors.ts';
import { readWeightsFile } from './weights_file.ts';

const folder = mkdtempSync(join(tmpdir(), 'detector-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { files, detector, backbone } = detectorFiles();
const model = new Map([...detector].map(([name, { shape }]) => [name, shape]));
const path = (name: string) => {
  const made = join(folder, name);
  writeFileSync(made, files.get(name) ?? new Uint8Array());
  return made;
};
const named = (start: string) => [...files.keys()].filter((name) => name.startsWith(start));
const fresh = [...model.keys()].filter((name) => !isPretrained(name));

// What is in the files is said by PyTorch: tools/torch/detector_file_fixtures.py.
describe('a backbone as the original converts it', () => {
  test.each(named('backbone_'))('%s', (name) => {
    const { tensors, match, said, warnings } = readDetectorFile(path(name), model);
    const expected = new Map([...detector].filter(([own]) => isPretrained(own)));
    expect(hashTensors(tensors)).toBe(hashTensors(expected));
    expect(match.unused).toEqual(['stem.fc.weight']);
    expect(match.missing).toEqual(fresh);
    expect(warnings).toEqual([]);
    expect(said.join('\n')).toContain('not used: stem.fc.weight');
    expect(said.join('\n')).toContain(
      'begin fresh: proposal_generator.rpn_head.conv, roi_heads.res5.norm, roi_heads.box_predictor.cls_score, roi_heads.mask_head.deconv',
    );
  });

  test.each(named('backbone_').filter((name) => name.endsWith('.pkl')))(
    'has a ResNet’s names: %s',
    (name) => {
      expect(hashTensors(readDetectron(path(name)))).toBe(hashTensors(backbone));
    },
  );
});

describe('a whole detector', () => {
  test.each(named('detector'))('%s', (name) => {
    const { tensors, match, warnings } = readDetectorFile(path(name), model, true);
    expect(hashTensors(tensors)).toBe(hashTensors(detector));
    expect([match.unused, match.missing, match.misfits, warnings]).toEqual([[], [], [], []]);
  });

  test.each([
    ['detector_0.3.pth', 'optimizer, scheduler, iteration'],
    ['detector_0.6.pth', 'trainer, iteration'],
  ])('tells what is beside it: %s', (name, beside) => {
    const { said } = readDetectorFile(path(name), model, true);
    expect(said).toEqual([
      `${join(folder, name)}: ${model.size} of the ${model.size} tensors of the detector taken`,
      `${join(folder, name)}: not needed: ${beside}`,
    ]);
  });

  test('with other classes: what fits is taken, the others are warned of', () => {
    const wide = new Map([...model, ['roi_heads.box_predictor.cls_score.weight', [81, 2]]]);
    const file = path('detector_0.3.pth');
    const { tensors, warnings } = readDetectorFile(file, wide);
    expect(tensors.size).toBe(detector.size - 1);
    expect(warnings).toEqual([
      `${file}: roi_heads.box_predictor.cls_score.weight is [3,2], the detector's roi_heads.box_predictor.cls_score.weight [81,2]; it is left, and the detector's begins fresh`,
    ]);
    expect(() => readDetectorFile(file, wide, true)).toThrow('shapes differ');
  });

  test('names of a file that is none are kept', () => {
    const { tensors } = readWeightsFile(path('detector_numpy_numbers.pth'));
    const plain: HostArray | undefined = tensors.get('scheduler.seen');
    expect(plain).toEqual(hostArray('int64', [3], BigInt64Array.of(0n, 1n, 2n)));
    expect(tensors.has('model.roi_heads.res5.norm.weight')).toBe(true);
    expect(tensors.has('optimizer.state.0.momentum_buffer')).toBe(true);
  });
});
