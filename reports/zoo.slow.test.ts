import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { recordText, writeRecord } from '../harness/record/record.ts';
import { recordOf } from '../harness/testing/records.ts';
import { methods } from '../methods/index.ts';
import { curveOf, curveSvg } from './curve.ts';
import { isTraining, readEntries, readWorkDirs } from './entries.ts';
import { readPublished } from './published.ts';
import { standingsOf, withStandings } from './standing.ts';
import { keepRecord } from './write_pages.ts';
import { rowOf, zooHtml, zooMarkdown } from './zoo.ts';

const experiment = {
  name: 'moco/small',
  method: { kind: 'moco' },
  backbone: { depth: 18, width: 0.25 },
  data: { train: { kind: 'cifar10' }, size: 32 },
  epochs: 4,
  batch: 64,
  replicas: 1,
  precision: 'bf16',
};
const knn = [30.125, 33, 36, 41.5, 44.25];
const epochs = knn.map((knn_top1, i) => ({ ...(i > 0 ? { loss: 4 - i / 2 } : {}), knn_top1 }));
const record = recordOf({ experiment, epochs, final: { linear_top1: 51.5 } });
const [, , , , last = expect.unreachable()] = record.epochs;
const weights = {
  format: 'reprise-published-1',
  file: 'moco_small-01234567.safetensors',
  bytes: 9,
  sha256: `01234567${'0'.repeat(56)}`,
  experimentId: record.experimentId,
  epoch: 4,
  stateHash: last.stateHash,
};
const published = readPublished();
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zoo-'));
  writeFileSync(join(folder, 'a.json'), recordText(record));
  writeFileSync(join(folder, 'a.weights.json'), JSON.stringify(weights));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the zoo', () => {
  it('says of a run what its record says', () => {
    const [entry = expect.unreachable()] = readEntries(folder);
    expect(rowOf(entry)).toEqual({
      key: 'a',
      experiment: 'moco/small',
      method: 'moco, bf16',
      backbone: 'ResNet-18 × 0.25',
      data: 'cifar10, 32 px',
      epochs: '4',
      knn: 44.25,
      linear: 51.5,
      random: 30.125,
      spec: record.experimentId.slice(0, 12),
      weights: 'moco_small-01234567.safetensors',
      platform: 'aaaaaaaaaaaa (cpu)',
      verify: 'npx zx scripts/reproduce.mjs moco/small',
    });
  });

  it('is the same bytes each time, and shows what was not measured as a dash', () => {
    const bare = recordOf({ experiment: { ...experiment, epochs: 9 }, epochs: [{}, { loss: 4 }] });
    const entries = [...readEntries(folder), { key: 'b', record: bare }];
    const page = zooMarkdown(entries, new Set(['a']), published);
    expect(zooMarkdown(entries, new Set(['a']), published)).toBe(page);
    expect(page).toMatch(/\| 4 +\| 44\.25 \| 51\.50 +\| 30\.13/);
    expect(page).toMatch(/\| 1 of 9 \| – +\| – +\| – +\|/);
    expect(page).toContain('![moco/small](curves/a.svg)');
    expect(page).not.toContain('curves/b.svg');
    const html = zooHtml(entries, new Set(['a']), published);
    expect(html).toContain('<td>44.25</td><td>51.50</td><td>30.13</td>');
    expect(html.match(/<tr>/g)).toHaveLength(6);
  });

  it('takes nothing from a record or publication that does not fit', async () => {
    const bad = join(folder, 'bad');
    mkdirSync(bad);
    writeFileSync(
      join(bad, 'a.json'),
      recordText(record).replace('"value": 51.5', '"value": 61.5'),
    );
    expect(() => readEntries(bad)).toThrow('final: linear_top1 is 61.5, but its bits say 51.5');
    writeFileSync(join(bad, 'a.json'), recordText(record));
    const other = { ...weights, stateHash: record.epochs[3]?.stateHash };
    writeFileSync(join(bad, 'a.weights.json'), JSON.stringify(other));
    expect(() => readEntries(bad)).toThrow('is not of the run beside it');
    await writeRecord(join(folder, 'runs', 'mine'), record);
    expect(readWorkDirs(join(folder, 'runs'))).toMatchObject([{ key: 'mine' }]);
    expect(readWorkDirs(join(folder, 'nowhere'))).toEqual([]);
  });
});

it('a record that is kept leaves no weights of the run before it', async () => {
  const pages = join(folder, 'pages');
  const run = join(folder, 'run');
  await writeRecord(run, record);
  writeFileSync(join(run, 'published.json'), JSON.stringify(weights));
  await keepRecord(run, pages);
  expect(readEntries(join(pages, 'records'))).toEqual([{ key: 'moco_small', record, weights }]);
  rmSync(join(run, 'published.json'));
  const other = recordOf({ experiment, epochs: [{}, { loss: 4 }] });
  await writeRecord(run, other);
  await keepRecord(run, pages);
  expect(readEntries(join(pages, 'records'))).toEqual([{ key: 'moco_small', record: other }]);
});

describe('a learning curve', () => {
  const steps = Array.from({ length: 1000 }, (_, i) => ({
    step: i + 1,
    lr: 0.1,
    images: 8,
    metrics: { loss: i },
  }));

  it('has losses by step and epoch, and k-NN from random weights on', () => {
    const curve = curveOf(record, steps);
    expect(curve.loss).toEqual([1, 2, 3, 4].map((epoch) => ({ epoch, value: 4 - epoch / 2 })));
    expect(curve.knn.map(({ value }) => value)).toEqual(knn);
    expect(curve.steps).toHaveLength(333); // three steps a point
    expect(curve.steps[0]).toEqual({ epoch: 3 / 10, value: 1 });
  });

  it('is the same SVG each time, with both panels', async () => {
    const svg = await curveSvg(curveOf(record));
    expect(await curveSvg(curveOf(record))).toBe(svg);
    for (const text of ['moco/small', 'loss', 'k-NN top-1, %', 'random weights'])
      expect(svg).toContain(`>${text}</text>`);
    expect(svg).not.toMatch(/NaN|undefined/);
    const noKnn = recordOf({ experiment, epochs: [{}, { loss: 3 }, { loss: 2 }] });
    expect(await curveSvg(curveOf(noKnn))).not.toContain('k-NN');
  });
});

it('the committed pages are what the committed records and this code give', async () => {
  const reports = import.meta.dirname;
  const records = readEntries(join(reports, 'records'));
  const entries = withStandings(records, await standingsOf(records, { methods, benchmarks }));
  const curves = new Set(
    entries.filter((e) => isTraining(e) && e.record.epochs.length > 2).map(({ key }) => key),
  );
  for (const [name, text] of [
    ['MODEL_ZOO.md', zooMarkdown(entries, curves, published)],
    ['MODEL_ZOO.html', zooHtml(entries, curves, published)],
  ] as const)
    expect(readFileSync(join(reports, name), 'utf8'), `${name}: run scripts/report.mjs`).toBe(text);
});
