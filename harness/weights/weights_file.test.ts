import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { openWeights } from './published.ts';
import { readWeightsFile, readWeightsMetadata } from './weights_file.ts';

const fixtures = fileURLToPath(new URL('../../golden/data/torch/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'weights-file-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(['checkpoint_zip.pth', 'checkpoint_legacy.pth'])(
  '%s is taken, whatever its name',
  (name) => {
    const path = join(folder, `${name}.safetensors`);
    writeFileSync(path, readFileSync(join(fixtures, name)));
    const { tensors, metadata } = readWeightsFile(path);
    expect(tensors.get('state_dict.module.0.weight')?.shape).toEqual([4, 3, 3, 3]);
    expect(metadata).toEqual({});
    expect(readWeightsMetadata(path)).toEqual({});
  },
);

test('its halves become floats, as those of safetensors do', async () => {
  const { tensors, notes } = await openWeights(join(fixtures, 'types_zip.pth'));
  expect([...(tensors.get('bfloat16')?.data ?? [])]).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  expect(notes).toEqual(expect.arrayContaining([expect.stringMatching(/1 tensors of float16/)]));
});

test('a program in a file is refused by name before anything else', async () => {
  const path = join(fixtures, 'refused_code.pth');
  await expect(openWeights(path)).rejects.toThrow(
    /refused_code\.pth is no file of PyTorch .*system/,
  );
});
