import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Json } from '../harness/base/index.ts';
import type { Metrics } from '../harness/experiment/index.ts';
import { recordOf } from '../harness/testing/records.ts';
import { sharedPath } from '../harness/testing/shared.ts';
import { benchesOf, benchPage, benchPictures } from './benchmark_comparison.ts';
import { benchmarkReport } from './benchmark_report.ts';
import { benchmarkGroups, imagesText, mainResult, weightsKey } from './benchmark_rows.ts';
import { benchmarkSection } from './benchmark_section.ts';
import { htmlOf, markdownOf } from './blocks.ts';
import { type Entry, readEntries } from './entries.ts';
import { PUBLISHED, publishedFor, publishedTables, readPublished } from './published.ts';
import { zooHtml, zooMarkdown } from './zoo.ts';

const published = readPublished();

interface Parts {
  readonly kind?: string;
  readonly name?: string;
  readonly of?: string;
  readonly spec?: object;
  readonly final?: Metrics;
  readonly images?: string;
}

/** A record of a benchmark put together by hand. */
function entry({
  kind = 'linear_last',
  name = `${kind}-cifar10`,
  of,
  spec = { lr: 30, milestones: [60, 80] },
  final = { top1: 44.5, top5: 90, best_epoch: 7 },
  images = 'train 20000, test 1000',
}: Parts): Entry {
  const weights = of === undefined ? { kind: 'random' } : { kind: 'file', sha256: 'abcdef0123' };
  const experiment = {
    name,
    benchmark: { kind, ...spec },
    weights,
    backbone: { depth: 18, width: 0.25 },
  };
  const record = recordOf({ experiment, epochs: [{}, final], final });
  const run = of === undefined ? {} : { weightsOf: of, weightsExperiment: run64(of) };
  const environment = { ...record.environment, images, ...run };
  const key = `${name}--${of ?? 'random'}`;
  return { key, record: { ...record, environment } };
}

const training = (kind: string) => ({
  name: `${kind}-run`,
  method: { kind },
  backbone: { depth: 18, width: 0.25 },
  data: { train: { kind: 'cifar10' }, size: 32 },
  epochs: 1,
  batch: 64,
  replicas: 1,
  precision: 'fp32',
});
const trained = (kind: string): Entry => ({
  key: kind,
  record: recordOf({ experiment: training(kind), epochs: [{}, { knn_top1: 40 }] }),
});
/** Id of the run that weights are of. */
function run64(of: string): string {
  return trained(of.replace('-run', '')).record.experimentId;
}

const moco = entry({ of: 'moco-run' });
const barlow = entry({ of: 'barlow_twins-run', final: { top1: 46, top5: 91, best_epoch: 3 } });
const random = entry({ final: { top1: 30, top5: 80, best_epoch: 9 } });

describe('the zoo, of benchmarks', () => {
  const entries = [trained('moco'), trained('barlow_twins'), moco, barlow, random];
  const page = zooMarkdown(entries, new Set(), published);

  it('has own and published numbers in cells and tables of their own, each with its data', () => {
    const lines = page.split('\n');
    const own = lines.findIndex((line) => line.startsWith('**Own**'));
    const told = lines.findIndex((line) => line.startsWith('**Published**'));
    expect(lines[own]).toBe(
      '**Own**, `linear_last-cifar10`: 20000 of 50000 images to train, 1000 of 10000 to test. ' +
        'lr 30, milestones 60/80.',
    );
    const rows = lines.slice(own + 4, own + 7).map(cells);
    expect(rows).toEqual([
      // Nobody published Barlow Twins, so its cell is empty; random weights were judged as well.
      ['barlow_twins-run (abcdef01)', 'ResNet-18 × 0.25', '46.00', '91.00', '3', '–', barlow.key],
      ['moco-run (abcdef01)', 'ResNet-18 × 0.25', '44.50', '90.00', '7', '67.69', moco.key],
      ['random weights', 'ResNet-18 × 0.25', '30.00', '80.00', '9', '4.35', random.key],
    ]);
    expect(lines[own + 2]).toContain('published for the method (ResNet-50, whole data), top1');
    expect(told).toBeGreaterThan(own);
    expect(lines[told]).toContain('ResNet-50; ImageNet, 1,281,167 images to train, 50,000 to test');
    const mocoV2 = lines.slice(told).find((line) => line.startsWith('| MoCo v2'));
    expect(cells(mocoV2 ?? '')).toEqual(['MoCo v2 (200 epochs) [1]', '67.69']);
    expect(page).toContain('[1] The name of the published weights ends in e3b0c442');
  });

  it('leaves tables of trainings as they are, and is the same bytes each time', () => {
    const alone = zooMarkdown(entries.slice(0, 2), new Set(), published);
    expect(alone).not.toContain('Benchmarks');
    expect(page.startsWith(alone.slice(0, -1))).toBe(true);
    expect(zooMarkdown(entries, new Set(), published)).toBe(page);
    const html = zooHtml(entries, new Set(), published);
    expect(html).toContain('<td>46.00</td>');
    expect(html).toContain('<h3>Linear, Last: the averaged last level</h3>');
    expect(html).toContain(`<td><code>records/${moco.key}.json</code></td>`);
  });

  it('groups what one benchmark with the same numbers judged', () => {
    const other = entry({ of: 'moco-run', spec: { lr: 10 } });
    const groups = benchmarkGroups([random, entry({ kind: 'knn' }), other, moco], ['knn']);
    expect(groups.map(({ name, entries: own }) => [name, own.length])).toEqual([
      ['knn-cifar10', 1],
      ['linear_last-cifar10', 1],
      ['linear_last-cifar10', 2],
    ]);
  });

  it('says which part of a known set was there', () => {
    expect(imagesText(entry({ images: 'train 50000, test 10000' }))).toBe(
      '50000 images to train, 10000 to test',
    );
    const few = entry({ kind: 'semi', spec: { percent: 1 }, images: 'train 200, test 1000' });
    expect(imagesText(few)).toBe('200 images to train, 1000 of 10000 to test');
    const sha = sha256Json('pictures');
    const same = {
      ...few,
      record: { ...few.record, data: { train: sha, 'evaluation.test': sha } },
    };
    expect(imagesText(same)).toBe('200 images to train, 1000 of 10000 to test, which are the same');
  });

  it('names results by level, and leaves out those of single cells and classes', () => {
    const final = {
      head0_top1: 20,
      head4_top1: 30,
      best_head: 4,
      top1: 30,
      AP_cat: 3,
      'lr0.1_head1_top1': 9,
    };
    const text = markdownOf(benchmarkSection([entry({ kind: 'linear', final })], published)).join(
      '\n',
    );
    expect(text).toMatch(/\| top-1 \| best head \| feat1 top-1 \| feat5 top-1 \|/);
    expect(text).toMatch(/\| 30\.00 \| +feat5 \| +20\.00 \| +30\.00 \|/);
    expect(text).not.toMatch(/AP cat|lr0\.1/);
  });
});

describe('the zoo, of detectors', () => {
  const boxes = { AP: 54.25, AP50: 80.5, AP75: 59 };
  const sized = { ...boxes, APs: 10, APm: 20, APl: 30 };
  const masks = { mask_AP: 30, mask_AP50: 50, mask_AP75: 33, mask_APl: 40 };
  const of = (name: string, final: Metrics, run?: string) =>
    entry({
      ...{ kind: 'detection', name: `detection-${name}`, spec: { lr: 0.02 }, final },
      ...(run === undefined ? {} : { of: run }),
    });
  const all = [
    trained('moco'),
    of('voc_c4_24k_moco', boxes, 'moco-run'),
    of('voc_c4_24k_moco', { AP: 32, AP50: 58, AP75: 31 }),
    of('coco_c4_2x_moco', { ...masks, ...sized }, 'moco-run'),
    of('coco_c4_1x_moco', sized, 'moco-run'),
    of('drawn', sized),
  ];
  const lines = markdownOf(benchmarkSection(all, published)).join('\n').split('\n');
  const tableAfter = (begin: string) => {
    const at = lines.findIndex((line) => line.startsWith(begin));
    return lines.slice(at + 2, lines.indexOf('', at + 2)).map(cells);
  };

  it('has AP50, AP and AP75 in this order, masks behind boxes, and the published AP of the same data', () => {
    const beside = 'published for the method (ResNet-50, whole data)';
    expect(tableAfter('**Own**, `detection-voc_c4_24k_moco`')).toMatchObject([
      ['weights', 'backbone', 'AP50', 'AP', 'AP75', `${beside}, AP`, 'record'],
      expect.anything(),
      ['moco-run (abcdef01)', expect.anything(), '80.50', '54.25', '59.00', '56.97', all[1]?.key],
      ['random weights', expect.anything(), '58.00', '32.00', '31.00', '32.83', all[2]?.key],
    ]);
    const [head, , row] = tableAfter('**Own**, `detection-coco_c4_2x_moco`');
    expect(head?.slice(2, -1)).toEqual([
      ...['AP50', 'AP', 'AP75', 'mask AP50', 'mask AP', 'mask AP75', 'APs', 'APm', 'APl'],
      ...['mask APl', `${beside}, box AP`],
    ]);
    expect(row?.at(-2)).toBe('41.0');
  });

  it('compares nothing with other data or schedules', () => {
    for (const name of ['coco_c4_1x_moco', 'drawn'])
      expect(tableAfter(`**Own**, \`detection-${name}\``)[0]).not.toContainEqual(
        expect.stringContaining('published'),
      );
    expect(mainResult(of('drawn', sized))).toBe(54.25);
  });

  // docs/reference/detection.md, section 16.
  it('has the published tables with boxes and masks', () => {
    const row = (rows: string[][], name: string) => rows.find(([one]) => one?.startsWith(name));
    const voc = tableAfter('**Published**, VOC07+12');
    expect(voc[0]).toEqual(['weights, as published', 'AP50', 'AP', 'AP75']);
    expect(row(voc, 'NPID')?.slice(1)).toEqual(['80.03', '54.11', '59.50']);
    const coco = tableAfter('**Published**, COCO17');
    const columns = ['AP50', 'AP', 'AP75'];
    expect(coco[0]?.slice(1)).toEqual([
      ...columns.map((name) => `box ${name}`),
      ...columns.map((name) => `mask ${name}`),
    ]);
    const rotation = ['59.3', '40.0', '43.6', '56.0', '34.9', '37.4'];
    expect(row(coco, 'Rotation')?.slice(1)).toEqual(rotation);
  });
});

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`records\/(.*)\.json`$/, '$1'));
}

describe('published numbers', () => {
  it('have a footnote at each row that has an oddity, and no other', () => {
    const [multi] = publishedTables(published, 'linear');
    const marked = multi?.rows.filter(([name = '']) => name.includes('[')).map(([name]) => name);
    expect(marked).toEqual([
      'MoCo v2 (200 epochs) [1]',
      'BYOL (batch 4096, 200 epochs) [1] [2]',
      'BYOL (batch 256, 300 epochs) [3]',
      'BYOL (batch 2048, 200 epochs) [1] [3]',
    ]);
    const [places] = publishedTables(published, 'places205');
    expect(places?.notes.at(-1)).toContain('neither evaluates nor saves epoch 28');
  });

  it('stand beside the same method under the same protocol, or nowhere', () => {
    const of = (method: string, kind: string, percent?: number) =>
      publishedFor(published, method, { kind, percent });
    expect(of('moco', 'svm')).toBe('84.26');
    expect(of('random', 'semi', 10)).toBe('21.78');
    expect(of('byol', 'linear')).toBe('72.35'); // the first row is withdrawn
    expect(of('barlow_twins', 'linear')).toBeUndefined();
    expect(of('moco', 'knn')).toBeUndefined();
    expect(of('byol', 'semi', 1)).toBeUndefined();
  });

  const zoo = sharedPath('reference', 'model_zoo.json');
  it.skipIf(zoo === undefined)('are those of the sheet, every one', () => {
    const sheet = JSON.parse(readFileSync(zoo ?? '', 'utf8'));
    const all = sheet.records.filter(({ value }: { value: unknown }) => value !== null);
    let found = 0;
    for (const [key, { columns, rows }] of Object.entries(published.benchmarks))
      for (const { model, values } of rows) {
        const { id, remarks, config } = published.models[model] ?? expect.unreachable();
        for (const [i, text] of values.entries()) {
          if (text === null) continue;
          const column = columns[i];
          const same = all.filter(
            (r: Record<string, unknown>) =>
              r.benchmark === key &&
              r.method_id === id &&
              r.remarks === remarks &&
              r.config === config &&
              (r.metric === column || (r.layer === column && r.metric === 'top1')),
          );
          expect(same.map((r: { value_text: string }) => r.value_text)).toEqual([text]);
          found++;
        }
      }
    expect(found).toBe(all.length);
    expect(
      PUBLISHED.every(({ key, main }) => published.benchmarks[key]?.columns.includes(main)),
    ).toBe(true);
  });
});

describe('a comparison of weights', () => {
  const levels = { head0_top1: 20, head1_top1: 31, top1: 31, best_head: 1 };
  const entries = [
    ...[moco, barlow, random],
    entry({ kind: 'linear', of: 'moco-run', final: levels }),
    entry({ kind: 'lowshot', name: 'lowshot-voc07', final: { k1_mean: 20, k1_cv_mean: 19 } }),
  ];
  const [bench, ...others] = benchesOf(entries);
  if (bench === undefined) throw new Error('no comparison');

  it('is made where three weights were judged on the same images', async () => {
    expect(others).toEqual([]);
    const pictures = await benchPictures(bench);
    expect(pictures.map(({ file }) => file)).toEqual([
      'curves/benchmarks-cifar10.svg',
      'curves/levels-cifar10.svg',
    ]);
    expect(await benchPictures(bench)).toEqual(pictures);
    for (const { svg } of pictures) expect(svg).not.toMatch(/NaN|undefined/);
    const page = benchPage(bench, pictures);
    const rows = page.split('\n').filter((line) => /^\| (moco|barlow|random)/.test(line));
    expect(rows.map(cells)).toEqual([
      ['barlow_twins-run', '–', '46.00'],
      ['moco-run', '31.00', '44.50'],
      ['random', '–', '30.00'],
    ]);
    expect(page).toContain('![Weights by protocol on cifar10](curves/benchmarks-cifar10.svg)');
    expect(page).toContain('20000 of 50000 images to train');
  });

  it('knows a protocol by one number', () => {
    expect(mainResult(moco)).toBe(44.5);
    expect(mainResult(entry({ kind: 'svm', final: { mAP: 25, feat1_mAP: 20 } }))).toBe(25);
    const shots = { k1_mean: 20, k1_cv_mean: 19, k2_mean: 22, k2_cv_mean: 21 };
    expect(mainResult(entry({ kind: 'lowshot', final: shots }))).toBe(22);
    expect(weightsKey(random.record)).toBe('random');
    expect(weightsKey(moco.record)).toBe('moco-run');
  });
});

it('the page of a run has its results, parts and pictures', () => {
  const { record } = moco;
  const picture = { file: 'pictures/map.svg', title: 'Map', note: 'Twenty points.' };
  const page = benchmarkReport(record, ['one'], [picture]);
  expect(page).toContain('# linear_last-cifar10\n\nOf moco-run (abcdef01).');
  expect(page).toMatch(/\| top-1 +\| +44\.50 \|\n/);
  expect(page).toContain('## Map\n\n![Map](pictures/map.svg)\n\nTwenty points.\n');
  expect(page).not.toContain('| part');
  const grid = { ...record, epochs: [...record.epochs, ...record.epochs.slice(1)] };
  expect(benchmarkReport(grid, ['a', 'b'], [])).toMatch(/\| b +\| +44\.50 \|/);
});

it('blocks are the same page in HTML, with what could be taken for tags escaped', () => {
  const html = htmlOf([
    { kind: 'heading', level: 3, text: 'a < b' },
    { kind: 'text', text: '**Own**, [here](x.html#y), 2 * 3' },
    { kind: 'table', head: ['`x`'], rows: [['<1>']] },
  ]);
  expect(html).toEqual([
    '<h3>a &lt; b</h3>',
    '<p><strong>Own</strong>, <a href="x.html#y">here</a>, 2 * 3</p>',
    '<table>',
    '<tr><th><code>x</code></th></tr>',
    '<tr><td>&lt;1&gt;</td></tr>',
    '</table>',
  ]);
});

it('the committed comparisons are what the committed records give', async () => {
  const folder = import.meta.dirname;
  for (const bench of benchesOf(readEntries(join(folder, 'records')))) {
    const pictures = await benchPictures(bench);
    const name = `BENCHMARKS-${bench.data}.md`;
    const text = readFileSync(join(folder, name), 'utf8');
    expect(text, `${name}: run scripts/report.mjs`).toBe(benchPage(bench, pictures));
    for (const { file, svg } of pictures)
      expect(readFileSync(join(folder, file), 'utf8'), file).toBe(svg);
  }
});
