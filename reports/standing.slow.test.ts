import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { type Sha256, sha256Json } from '../harness/base/index.ts';
import {
  experimentId,
  findRecipes,
  parseExperiment,
  recipeNamed,
} from '../harness/experiment/index.ts';
import { type RunRecord, sealed } from '../harness/record/record.ts';
import { methods } from '../methods/index.ts';
import { type Entry, isTraining, readEntries } from './entries.ts';
import { readPublished } from './published.ts';
import { type Standing, standingsOf, withStandings } from './standing.ts';
import { zooHtml, zooMarkdown } from './zoo.ts';

const code = { methods, benchmarks };
const entries = readEntries(join(import.meta.dirname, 'records'));
const published = readPublished();
let standings: ReadonlyMap<string, Standing>;
beforeAll(async () => {
  standings = await standingsOf(entries, code);
});

/** A shipped record. */
function shipped(key: string): Entry {
  return entries.find((entry) => entry.key === key) ?? expect.unreachable(`no record ${key}`);
}

function changed(entry: Entry, changes: Partial<RunRecord>): Entry {
  const { seal: _, ...rest } = entry.record;
  return { ...entry, record: sealed({ ...rest, ...changes }) };
}

const other: Sha256 = sha256Json('another graph');
const training = shipped('npid-cifar10');
const benchmark = shipped('knn-cifar10--npid-cifar10');

describe('every shipped record', () => {
  // A change that alters what is computed makes the records that it touches again: scripts/remake.mjs.
  it.each(entries.map((entry) => entry.key))('%s is a result of today’s code', (key) =>
    expect(standings.get(key)?.kind).toBe('today'),
  );

  it('is of the recipe by which the zoo says that it is verified', async () => {
    const recipes = await findRecipes([join(import.meta.dirname, '../methods')]);
    for (const { record } of entries.filter(isTraining)) {
      const recipe = parseExperiment(recipeNamed(record.experiment.name, recipes), methods);
      expect(experimentId(recipe), record.experiment.name).toBe(record.experimentId);
    }
  });
});

describe('a record is no result of today’s code', () => {
  const standingOf = async (...some: Entry[]) => [...(await standingsOf(some, code)).values()];

  it('where another graph made it, and then its benchmarks are none', async () => {
    const found = await standingOf(benchmark, changed(training, { graph: other }));
    expect(found).toEqual([
      { kind: 'earlier weights' },
      { kind: 'earlier graph', today: training.record.graph },
    ]);
  });

  it('where a benchmark’s own passes were others', async () => {
    const [found] = await standingOf(changed(benchmark, { graph: other }));
    expect(found).toEqual({ kind: 'earlier graph', today: benchmark.record.graph });
  });

  it('where a benchmark judged other weights than the run gave', async () => {
    const { weights = expect.unreachable() } = training;
    const { checkpoint: _, ...note } = { ...weights, sha256: other };
    const judged = async (one: typeof weights) =>
      (await standingOf(benchmark, { ...training, weights: one }))[0];
    expect(await judged({ ...note, checkpoint: other })).toEqual({ kind: 'other weights' });
    expect(await judged(weights)).toEqual({ kind: 'today' });
    expect(await judged(note)).toEqual({ kind: 'today' }); // an old note does not tell
  });

  it('where today’s code does not read its experiment', async () => {
    const experiment = { ...training.record.experiment, method: { kind: 'gone' } };
    const [found] = await standingOf(
      changed(training, { experiment, experimentId: sha256Json(experiment) }),
    );
    expect(found).toEqual({ kind: 'earlier graph', today: undefined });
  });

  it('and nothing is claimed where its images are not known', async () => {
    const [found] = await standingOf(changed(training, { data: { train: other }, graph: other }));
    expect(found).toMatchObject({ kind: 'unknown' });
  });
});

describe('pages', () => {
  it('mark it in its rows, and say what to do', async () => {
    const some = [benchmark, changed(training, { graph: other }), shipped('byol-cifar10')];
    const marked = withStandings(some, await standingsOf(some, code));
    const page = zooMarkdown(marked, new Set(), published);
    expect(page.match(/\| npid-cifar10 \(made by an earlier graph\) +\|/g)).toHaveLength(2);
    expect(page).toContain(
      '`records/knn-cifar10--npid-cifar10.json` (of weights made by an earlier graph)',
    );
    expect(page).toContain('are these records: `npid-cifar10` (made by an earlier graph), 1 of');
    expect(page).not.toContain('byol-cifar10 (');
    const html = zooHtml(marked, new Set(), published);
    expect(html.match(/<td>npid-cifar10 \(made by an earlier graph\)<\/td>/g)).toHaveLength(2);
    expect(html).toContain("No results of today's code</strong> are these records");
  });

  it('say nothing of it where all are', () => {
    const marked = withStandings(
      entries,
      new Map(entries.map(({ key }) => [key, { kind: 'today' }])),
    );
    expect(marked).toEqual(entries);
    expect(zooMarkdown(marked, new Set(), published)).not.toContain('earlier');
  });
});
