import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTargets } from './targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-targets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const images = {
  count: 3,
  describe: (index: number) => `/data/JPEGImages/00000${index + 1}.jpg`,
  classes: ['cat', 'dog'],
};

function read(content: unknown, of = images): number[] {
  const path = join(folder, 'targets.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return [...readTargets(path, of)];
}

test('labels by id and class, whatever their order; what is left out is not used', () => {
  expect(read({ '000003': { dog: 1, cat: 0 }, '000001': { cat: -1, dog: 0 } })).toEqual([
    -1, 0, -1, -1, 0, 1,
  ]);
  expect(read({ '000002': { dog: 1 } })).toEqual([-1, -1, -1, 1, -1, -1]);
});

test.each([
  ['an unknown image', { '000009': {} }, /targets\.json: "000009" is none of the 3 images/],
  ['an unknown class', { '000001': { emu: 1 } }, /"000001": "emu" is none of the 2 classes/],
  [
    'a label out of range',
    { '000001': { cat: 2 } },
    /"000001": cat has label 2, expected 1, 0 or -1/,
  ],
  ['a label as text', { '000001': { cat: '1' } }, /cat has label "1", expected/],
  ['a table that is none', { '000001': [1, 0] }, /"000001" is no table of classes/],
  ['a list', [], /targets\.json is no table of images/],
  ['no JSON', '{"000001": ', /is no JSON, expected labels of images/],
])('%s is named', (_, content, message) => {
  expect(() => read(content)).toThrow(message);
});

test('two images of one id cannot be told apart', () => {
  const twins = { ...images, describe: (index: number) => `/${index}/1.jpg` };
  expect(() => read({}, twins)).toThrow(/^\/0\/1\.jpg and \/1\/1\.jpg have one id, 1/);
});
