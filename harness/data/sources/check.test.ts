import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkSamples, countLabels, type Finding } from './check.ts';
import { openFiles } from './files.ts';
import { indexFolder } from './folder.ts';

const images = fileURLToPath(new URL('../../../golden/data/images/', import.meta.url));

test('every sample that is wrong is found, with what it is', async () => {
  const data = mkdtempSync(join(tmpdir(), 'reprise-check-'));
  try {
    const jpeg = readFileSync(join(images, 'jpeg444'));
    const scan = jpeg.indexOf(Buffer.of(0xff, 0xda));
    const noisy = Buffer.concat([jpeg.subarray(0, scan), new Uint8Array(5), jpeg.subarray(scan)]);
    const files = { 'a/1.jpg': jpeg, 'a/2.jpg': jpeg.subarray(0, 400), 'b/3.jpg': noisy };
    for (const [name, bytes] of Object.entries(files)) {
      mkdirSync(join(data, name[0] ?? ''), { recursive: true });
      writeFileSync(join(data, name), bytes);
    }
    const manifest = { sha256: '', count: 3, notes: [] };
    const source = await openFiles(await indexFolder({ kind: 'folder', root: '.' }, { data }), {
      data,
      manifest,
    });
    const findings: Finding[] = [];
    for await (const finding of checkSamples(source)) findings.push(finding);
    expect(findings.map(({ index, usable }) => [index, usable])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(findings[0]?.message).toContain('2.jpg is damaged: JPEG decoder');
    expect(findings[1]?.message).toContain('5 extraneous bytes');
    expect(countLabels(source)).toEqual([2, 1]);
  } finally {
    rmSync(data, { recursive: true });
  }
});
