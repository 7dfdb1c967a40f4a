import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sharedPath } from '../../harness/testing/shared.ts';
import { COCO_CATEGORIES } from './known.ts';
import { prepare } from './prepare.ts';
import type { PrepareOptions } from './work.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-detection-'));
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (name: string, more: Partial<PrepareOptions> = {}) =>
  prepare(name, {
    ...{ from: [], out: join(folder, 'data'), seed: 0, decode: false, tell: () => {} },
    ...more,
  });

test('COCO has 80 categories up to 90', () => {
  expect([COCO_CATEGORIES.length, COCO_CATEGORIES[79]]).toEqual([80, 90]);
});

test('nothing to look at is said', async () => {
  await expect(run('voc')).rejects.toThrow('holds no part of VOC');
  await expect(run('coco')).rejects.toThrow('has no instances of COCO 2017');
  await expect(run('voc', { from: [folder] })).rejects.toThrow('holds nothing of the set');
});

const shared = sharedPath('data');
describe.skipIf(shared === undefined)('the subsets', () => {
  test('of VOC is linked and counted', async () => {
    const { said, differences } = await run('voc', { from: [String(shared)] });
    const told = said.join('\n');
    expect(told).toMatch(
      /VOC2007 trainval: 64 images \(64 to train on\), \d+ objects \(\d+ difficult/,
    );
    expect(told).toMatch(/VOC2007 test: 36 images/);
    expect(differences).toContain('VOC2007 test: 36 of 4952 images: not the official set');
    expect(differences.join('\n')).toMatch(/VOC2012 trainval: .* is not there/);
    expect(differences.join('\n')).not.toMatch(/cannot be used|there before|among those/);
  });

  test('of COCO is counted, and has the official categories', async () => {
    const { said, differences } = await run('coco', { from: [String(shared)] });
    expect(said.join('\n')).toMatch(
      /COCO val2017: 128 images \(126 to train on\), 939 objects \(0 difficult, 10 crowds\) of 80 classes/,
    );
    const told = differences.join('\n');
    expect(told).toMatch(/COCO val2017: 939 of 36781 objects: not the official set/);
    expect(told).toMatch(/classes without an object: 9: fire hydrant/);
    expect(told).not.toMatch(/categories are not|cannot be used/);
  });

  test('pictures of another size and another category are told', async () => {
    cpSync(join(String(shared), 'coco'), join(folder, 'coco'), { recursive: true });
    const picture = join(folder, 'coco/val2017/000000000009.jpg');
    rmSync(picture, { force: true });
    const black = { width: 8, height: 9, channels: 3, background: 'black' } as const;
    writeFileSync(picture, await sharp({ create: black }).jpeg().toBuffer());
    const file = join(folder, 'coco/annotations/instances_val2017.json');
    const text = readFileSync(file, 'utf8');
    rmSync(file, { force: true });
    const renamed = text.replace(/("category_id": ?|"id": ?)90\b(?!, ?"(image|width))/g, '$191');
    writeFileSync(file, renamed);
    const options = { from: [folder] };
    const { differences } = await run('coco', options);
    const told = differences.join('\n');
    expect(told).toMatch(/its categories are not the official ones: .*, 91$/m);
    expect(told).toMatch(/cannot be used: 1: .*000000000009\.jpg has 8 x 9 pixels/);
    const decoded = await run('coco', { ...options, decode: true });
    expect(decoded.differences.join('\n')).toMatch(/000000000009\.jpg has 8 x 9 pixels/);
  });
});
