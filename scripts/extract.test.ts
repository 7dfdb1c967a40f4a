import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readNpy } from '../harness/features/npy.ts';
import { runScript } from './train.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'extract-'));
afterAll(() => rmSync(folder, { recursive: true }));

const words = [
  ...['random', '--work_dir', folder, '--set', 'backbone={"depth":18,"width":0.03125}'],
  ...['--set', 'sets={"drawn":{"kind":"generated","count":3}}', '--set', 'batch=2'],
];

test('layers are named by what they are, not by their place in the list', () => {
  const first = runScript('extract', ...words, '--layers', 'feat5', '--json');
  expect(first.stderr).not.toMatch(/mistake in Reprise|\n {4}at /);
  expect(first.status).toBe(0);
  expect(readdirSync(join(folder, 'features')).sort()).toEqual([
    ...['drawn_feat5.json', 'drawn_feat5.npy'],
  ]);
  const { dtype, shape } = readNpy(join(folder, 'features/drawn_feat5.npy'));
  expect([dtype, shape]).toEqual(['float32', [3, 16 * 2 * 2]]);
  const again = runScript('extract', ...words, '--layers', 'feat5', '--json');
  expect(again.stdout).toBe(first.stdout);
}, 300_000);

test.each([
  [['--layers', '4'], /layers: "4" is none, expected some of feat1/],
  [['--set', 'size=96', '--layers', 'feat5'], /windows of fixed size are for images of 224 pixels/],
  [['--set', 'sets={"../x":{"kind":"generated","count":3}}'], /extract: .*sets/s],
])(
  '%j ends in a message',
  (more, message) => {
    const { stderr, status } = runScript('extract', ...words, ...more);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/mistake in Reprise|\n {4}at /);
    expect(status).toBe(1);
  },
  300_000,
);
