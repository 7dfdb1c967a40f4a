import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../base/index.ts';
import { pickleWriter } from '../data/pickle/writer.ts';
import { sharedPath } from '../testing/shared.ts';
import { detectronName, readDetectron, resnetName } from './detectron.ts';

const folder = mkdtempSync(join(tmpdir(), 'detectron-'));
afterAll(() => rmSync(folder, { recursive: true }));

// The sheet's examples, and those of the reference's converter.
test.each([
  ['conv1.weight', 'stem.conv1.weight'],
  ['bn1.running_var', 'stem.conv1.norm.running_var'],
  ['layer1.0.conv2.weight', 'res2.0.conv2.weight'],
  ['layer3.0.downsample.1.bias', 'res4.0.shortcut.norm.bias'],
  ['layer4.2.bn3.num_batches_tracked', 'res5.2.conv3.norm.num_batches_tracked'],
  ['layer2.0.downsample.0.weight', 'res3.0.shortcut.weight'],
])('%s is %s, and back', (own, theirs) => {
  expect(detectronName(own)).toBe(theirs);
  expect(resnetName(theirs)).toBe(own);
});

test('a name that is none of its own has no way back', () => {
  expect(resnetName('roi_heads.box_predictor.cls_score.weight')).toBeUndefined();
  expect(resnetName('res2.0.bn1.weight')).toBeUndefined();
});

const names = sharedPath('parity-detection', 'det_weights.json');
test.skipIf(names === undefined)('every name of a ResNet-50 is the one of the reference', () => {
  const Names = z.looseObject({ source_to_file: z.record(z.string(), z.string()) });
  const { source_to_file } = Names.parse(JSON.parse(readFileSync(String(names), 'utf8')));
  const pairs = Object.entries(source_to_file);
  expect(pairs.length).toBe(320);
  expect(pairs.map(([own]) => [own, detectronName(own)])).toEqual(pairs);
  expect(pairs.map(([, theirs]) => [resnetName(theirs), theirs])).toEqual(pairs);
});

const pickle = (text: string) => {
  const path = join(folder, 'made.pkl');
  writeFileSync(path, Buffer.from(text, 'latin1'));
  return path;
};

test.each([
  ['a program', '\x80\x03cposix\nsystem\n', 'names posix.system, which is not among the few'],
  ['no model', '\x80\x03}.', 'it has no `model`'],
  ['a list', '\x80\x03].', 'it has no `model`'],
  ['no arrays', '\x80\x03}X\x05\0\0\0model}X\x01\0\0\0aK\x01ss.', 'entry a that is no numpy array'],
  ['a number for a name', '\x80\x03}X\x05\0\0\0model}K\x01K\x01ss.', 'an entry without a name'],
  ['an end before its end', '\x80\x03}X\x05\0\0\0mod', 'unexpected end of file'],
])('%s is refused', (_, text, message) => {
  const path = pickle(text);
  expect(() => readDetectron(path)).toThrow(UserError);
  expect(() => readDetectron(path)).toThrow(`${path} is no file of weights for detectron2`);
  expect(() => readDetectron(path)).toThrow(message);
});

test('one array named a thousand times is no thousand arrays', () => {
  const made = pickleWriter(3).op('}(').text('model').op('}(').text('a');
  made.global('numpy.core.multiarray', '_reconstruct').op('(').global('numpy', 'ndarray');
  made
    .tuple([0])
    .bytes(Buffer.from('b'))
    .op('tR(')
    .int(1)
    .tuple([1 << 16]);
  made.global('numpy', 'dtype').op('(').text('u1').bool(false).bool(true).op('tR');
  made
    .bool(false)
    .bytes(new Uint8Array(1 << 16))
    .op('tbq\x01');
  for (let i = 0; i < 1000; i++) made.text(`n${i}`).op('h\x01');
  const path = join(folder, 'many.pkl');
  writeFileSync(path, Buffer.concat(made.op('uu.').pieces));
  expect(() => readDetectron(path)).toThrow('its arrays are many times larger than the file');
});
