import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { weightsFileOf } from './weights_path.ts';

const folder = mkdtempSync(join(tmpdir(), 'weights-path-'));
afterAll(() => rmSync(folder, { recursive: true }));
for (const name of ['epoch_9', 'epoch_10', 'epoch_2', 'step_99'])
  writeFileSync(join(folder, `${name}.safetensors`), '');
writeFileSync(join(folder, 'record.json'), '{}');

test.each([folder, join(folder, 'record.json')])('of a run: %s', (path) => {
  expect(weightsFileOf(path)).toBe(join(folder, 'epoch_10.safetensors'));
  expect(weightsFileOf(path, 2)).toBe(join(folder, 'epoch_2.safetensors'));
  expect(() => weightsFileOf(path, 3)).toThrow(
    /no epoch_3\.safetensors; kept are the epochs 2, 9, 10/,
  );
});

test('a file is itself, and has no epochs', () => {
  const file = join(folder, 'epoch_9.safetensors');
  expect(weightsFileOf(file)).toBe(file);
  expect(() => weightsFileOf(file, 9)).toThrow('--epoch 9 goes with a work directory');
});

test('nothing, and a folder without checkpoints', () => {
  expect(() => weightsFileOf(join(folder, 'none'))).toThrow(
    'none is not there; expected a file of weights',
  );
  const empty = mkdtempSync(join(folder, 'empty'));
  expect(() => weightsFileOf(empty)).toThrow('has no checkpoint of a whole epoch');
});
