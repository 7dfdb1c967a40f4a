import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { exactNumber } from '../../harness/record/entries.ts';
import { type Entry, isTraining, readEntries } from '../../reports/entries.ts';
import type { Standing } from '../../reports/standing.ts';
import { changeOf, changesText } from './change.ts';
import { checkRemakeData, remakesOf } from './plan.ts';
import { planRows, planText } from './plan_text.ts';

const records = join(import.meta.dirname, '../../reports/records');
const entries = readEntries(records);
const folder = mkdtempSync(join(tmpdir(), 'remake-'));
afterAll(() => rmSync(folder, { recursive: true }));

function standingsWith(changes: Readonly<Record<string, Standing>>): Map<string, Standing> {
  const today: Standing = { kind: 'today' };
  return new Map(entries.map(({ key }) => [key, changes[key] ?? today]));
}

function keysOf(remakes: ReturnType<typeof remakesOf>) {
  return remakes.map(({ training, benchmarks }) => [training?.key, benchmarks.length]);
}

const ALL = entries.filter(({ key }) => key.endsWith('--simclr-cifar10')).length;

it('nothing is made again where all are results of today’s code', () => {
  expect(remakesOf(entries, standingsWith({}), [])).toEqual([]);
  expect(planText([])).toContain('nothing to make again');
});

it('a training comes with what judges its weights, and so does one of which only that is stale', () => {
  const standings = standingsWith({
    'simclr-cifar10': { kind: 'earlier graph', today: undefined },
    'knn-cifar10--byol-cifar10': { kind: 'other weights' },
  });
  const remakes = remakesOf(entries, standings, []);
  expect(ALL).toBeGreaterThan(3);
  expect(keysOf(remakes)).toEqual([
    ['byol-cifar10', ALL],
    ['simclr-cifar10', ALL],
  ]);
  expect(keysOf(remakesOf(entries, standings, ['byol-cifar10']))).toEqual([['byol-cifar10', ALL]]);
  expect(planRows({ standings, remakes })).toEqual([
    { key: 'byol-cifar10', why: 'its weights are needed, or not among the records' },
    { key: 'knn-cifar10--byol-cifar10', why: 'other weights' },
    { key: 'simclr-cifar10', why: 'earlier graph' },
  ]);
});

it('benchmarks of random weights need no training', () => {
  const standings = standingsWith({
    'knn-cifar10--random': { kind: 'earlier graph', today: undefined },
  });
  expect(keysOf(remakesOf(entries, standings, []))).toEqual([[undefined, 1]]);
  expect(keysOf(remakesOf(entries, standings, ['random']))).toEqual([[undefined, 1]]);
  expect(keysOf(remakesOf(entries, standings, ['moco-cifar10']))).toEqual([]);
});

it('a record whose weights were not kept with it is made whole', () => {
  const without = entries.map(
    ({ key, record, weights }): Entry =>
      key === 'byol-cifar10' || weights === undefined ? { key, record } : { key, record, weights },
  );
  expect(keysOf(remakesOf(without, standingsWith({}), []))).toEqual([['byol-cifar10', ALL]]);
});

it('names of no training are refused', () => {
  expect(() => remakesOf(entries, standingsWith({}), ['simclr'])).toThrow(
    /there is no record of a training simclr; those are: .*simclr-cifar10/,
  );
});

it('data are looked for before the first run', () => {
  const stale: Standing = { kind: 'earlier graph', today: undefined };
  const standings = standingsWith({ 'simclr-cifar10': stale, moco: stale });
  const remakes = remakesOf(entries, standings, ['simclr-cifar10']);
  expect(() => checkRemakeData(remakes, folder)).toThrow(
    /--data .*: not there is cifar-10-batches-bin, for simclr-cifar10 and \d+ more; VOCdevkit, for /,
  );
  mkdirSync(join(folder, 'cifar-10-batches-bin'));
  mkdirSync(join(folder, 'VOCdevkit'));
  checkRemakeData(remakes, folder);
  checkRemakeData(remakesOf(entries, standings, ['moco']), join(folder, 'nowhere')); // drawn images
});

it('a change says what the numbers were, and which bits are others', () => {
  const [a = expect.unreachable(), b = expect.unreachable()] = entries.filter(({ key }) =>
    ['byol-cifar10', 'simclr-cifar10'].includes(key),
  );
  expect(changeOf(a, a)).toMatchObject({ sameStates: true, otherMetrics: [] });
  expect(changesText([changeOf(a, a)])).toContain('| all the same |');
  const change = changeOf(a, b);
  expect(change.sameStates).toBe(false);
  expect(change.results.map(({ name }) => name)).toEqual(['k-NN', 'linear']);
  expect(changesText([change])).toMatch(
    /\| byol-cifar10 \| k-NN +\| [\d.]+ +\| [\d.]+ +\| other states \|/,
  );
  const final = { ...a.record.final, linear_top1: exactNumber(1) };
  const probed = changeOf(a, { ...a, record: { ...a.record, final } });
  expect(probed).toMatchObject({ sameStates: true, otherMetrics: ['linear_top1'] });
  const bench = entries.find((entry) => !isTraining(entry)) ?? expect.unreachable();
  expect(changeOf(bench, bench).results).toHaveLength(1);
});
