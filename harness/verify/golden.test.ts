import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealed } from '../record/record.ts';
import { type RecordParts, recordOf } from '../testing/records.ts';
import { measureBands } from './bands.ts';
import {
  changesBetween,
  cutAt,
  goldenFile,
  goldenPath,
  readGolden,
  writeGolden,
} from './golden.ts';
import type { Golden } from './golden_schema.ts';
import { verdictOn, verdictTable, verdictText } from './golden_verdict.ts';

const LOSSES = [3.1, 2.2, 1.3];
function run(noise = 0, parts: Partial<RecordParts> = {}) {
  const epochs = [
    { knn_top1: 30 + noise },
    ...LOSSES.map((loss) => ({ loss: loss + noise, knn_top1: 40 })),
  ];
  return recordOf({ epochs, final: { linear_top1: 60 + noise }, ...parts });
}

const pinned = run();
const bands = measureBands(
  pinned,
  [1, 2, 3, 4, 5].map((i) => ({ perturbation: i, record: run(i / 1000) })),
);
const blessing = {
  reason: 'first',
  command: 'bless',
  commit: 'c0ffee',
  changed: [],
  differences: [],
  chain: pinned.epochs.at(-1)?.chain ?? expect.unreachable(),
};
const golden: Omit<Golden, 'seal'> = {
  format: 'reprise-golden-2',
  horizon: 3,
  record: pinned,
  bands,
  log: [blessing],
};

let folder = '';
const file = () => goldenPath(folder, pinned);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'golden-'));
  await writeGolden(file(), golden);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a golden file', () => {
  it('lies under experiment and platform, and comes back as written', () => {
    const id = pinned.experimentId.slice(0, 12);
    expect(file()).toBe(join(folder, id, 'aaaaaaaaaaaa.json'));
    expect(readGolden(file())).toMatchObject(JSON.parse(JSON.stringify(golden)));
  });

  it.each([
    ['a band', '"confidence": 0.99', '"confidence": 0.5'],
    ['a metric', '"value": 2.2', '"value": 2.3'],
    ['the reason', '"first"', '"none"'],
    ['the horizon', '"horizon": 3', '"horizon": 2'],
  ])('is refused when %s was changed by hand', (_, from, to) => {
    const text = readFileSync(file(), 'utf8');
    expect(text).toContain(from);
    writeFileSync(file(), text.replace(from, to));
    expect(() => verdictOn(pinned, folder)).toThrow('was changed by hand');
  });

  it('is refused under a name that is not its platform’s', () => {
    renameSync(file(), join(dirname(file()), 'bbbbbbbbbbbb.json'));
    expect(() => verdictOn(pinned, folder)).toThrow('its folder and name say otherwise');
  });
});

describe('on a known platform', () => {
  it('passes when every bit is equal', () => {
    const verdict = verdictOn(run(), folder);
    expect(verdict).toMatchObject({ kind: 'exact', pass: true, problems: [], notes: [] });
    expect(verdict.rows).toHaveLength(12); // 7 metrics, 4 states, 1 at the end
    expect(verdictText(verdict)).toContain('compared bit by bit with the golden of this platform');
  });

  it('misses when one bit of one metric is another', () => {
    const epochs = [{ knn_top1: 30 }, ...LOSSES.map((loss) => ({ loss, knn_top1: 40 }))];
    epochs[2] = { loss: 2.2 + 4.5e-16, knn_top1: 40 };
    const verdict = verdictOn(recordOf({ epochs, final: { linear_top1: 60 } }), folder);
    expect(verdict.pass).toBe(false);
    expect(verdict.rows.filter(({ fits }) => !fits).map((row) => [row.epoch, row.metric])).toEqual([
      [2, 'loss'],
      [2, 'state'],
    ]);
    expect(verdict.summary).toContain('MISS: 2 do not fit, first loss of epoch 2');
    expect(verdictTable(verdict)).toContain('2.2000000000000006 ≠ 2.2');
  });

  it('misses when only a state is another', () => {
    const [zero, one, ...rest] = pinned.epochs;
    if (zero === undefined || one === undefined) return expect.unreachable();
    const changed = { ...one, stateHash: zero.stateHash };
    const verdict = verdictOn(sealed({ ...pinned, epochs: [zero, changed, ...rest] }), folder);
    expect(verdict.summary).toContain('MISS: 1 do not fit, first state of epoch 1');
  });

  it('misses on other data, and tells of another graph', () => {
    const other = verdictOn(run(0, { data: 'others' }), folder);
    expect(other.pass).toBe(false);
    expect(other.problems).toEqual([expect.stringContaining('data of train are others')]);
    expect(other.summary).toContain('MISS');
    const graph = verdictOn(run(0, { graph: 'another' }), folder);
    expect(graph.pass).toBe(true);
    expect(graph.notes).toEqual([expect.stringContaining('the traced step is another one')]);
  });

  it('misses when a metric came or went', () => {
    const epochs = pinned.epochs.map(() => ({ loss: 3.1 }));
    const { rows } = verdictOn(recordOf({ epochs }), folder);
    expect(rows[0]).toMatchObject({ epoch: 0, metric: 'loss', expected: '–', fits: false });
    expect(rows[1]).toMatchObject({ metric: 'knn_top1', expected: '30', found: '–', fits: false });
  });

  it('compares what there is of a run that is not finished', () => {
    const verdict = verdictOn(cutAt(pinned, 1), folder);
    expect(verdict).toMatchObject({ kind: 'exact', pass: true });
    expect(verdict.rows).toHaveLength(5);
    expect(verdict.notes).toEqual(['compared up to epoch 1 of the 3 that are pinned']);
  });

  it('pins no further than its horizon', async () => {
    await writeGolden(file(), { ...golden, horizon: 1, record: cutAt(pinned, 1) });
    const verdict = verdictOn(pinned, folder);
    expect(verdict).toMatchObject({ pass: true, notes: ['epochs after 1 are not pinned'] });
    expect(verdict.rows).toHaveLength(5);
  });
});

describe('on another platform', () => {
  const elsewhere = { platform: 'bbbbbbbbbbbb' };

  it('passes within the bands, saying so', () => {
    const verdict = verdictOn(run(0.002, elsewhere), folder);
    expect(verdict).toMatchObject({ kind: 'band', pass: true });
    expect(verdict.rows).toHaveLength(8);
    expect(verdict.summary).toContain('measured from 5 perturbed runs on aaaaaaaaaaaa');
  });

  it('misses outside of them, with a table that says where', () => {
    const verdict = verdictOn(run(0.1, elsewhere), folder);
    expect(verdict.pass).toBe(false);
    expect(verdict.summary).toContain('first knn_top1 of epoch 0');
    expect(verdictTable(verdict)).toMatch(
      /\| +1 \| 3\.2 NOT in 3\.08928 … 3\.11572 \| 40 in 39\.999 … 40\.001 +\| +\| MISS/,
    );
  });

  it('says that nothing was compared where there are no bands', async () => {
    const { bands: _, ...bare } = golden;
    await writeGolden(file(), bare);
    const verdict = verdictOn(run(0, elsewhere), folder);
    expect(verdict).toMatchObject({ kind: 'none', pass: true });
    expect(verdict.summary).toContain('have no bands; this is bbbbbbbbbbbb');
  });

  it('takes bands of the same kind of device before others', async () => {
    const gpu = run(0, { platform: '000000000000', device: 'gpu' });
    await writeGolden(goldenPath(folder, gpu), { ...golden, record: gpu });
    expect(verdictOn(run(0, elsewhere), folder).summary).toContain('on aaaaaaaaaaaa');
    const other = verdictOn(run(0, { platform: 'cccccccccccc', device: 'gpu' }), folder);
    expect(other.summary).toContain('on 000000000000');
  });
});

describe('where there are ids of numerics', () => {
  const numerics = { fp32: '111111111111' };
  const made = run(0, { numerics, cpu: 'GenuineIntel family 6 model 207' });
  const amd = { platform: 'bbbbbbbbbbbb', cpu: 'AuthenticAMD family 26 model 2' };
  const pin = () => writeGolden(goldenPath(folder, made), { ...golden, record: made });

  it('a golden lies under its id, and binds every CPU that has it', async () => {
    await pin();
    expect(goldenPath(folder, made)).toMatch(/111111111111\.json$/);
    const verdict = verdictOn(run(0, { ...amd, numerics }), folder);
    expect(verdict).toMatchObject({ kind: 'exact', pass: true, notes: [] });
    expect(verdict.summary).toContain(
      '111111111111 (made on Intel family 6 model 207, this is AMD family 26 model 2): all fit',
    );
    expect(verdictOn(run(0, { ...amd, numerics: { fp32: '2'.repeat(12) } }), folder).kind).toBe(
      'band',
    );
  });

  it('a miss names both CPUs, the first epoch, and the way to the kernel', async () => {
    await pin();
    const { pass, summary, notes } = verdictOn(run(0.001, { ...amd, numerics }), folder);
    expect(pass).toBe(false);
    expect(summary).toContain('first knn_top1 of epoch 0');
    expect(notes).toEqual([
      expect.stringMatching(
        /^Both have numerics 1{12}, .* Intel family 6 model 207 .* AMD family 26 model 2 .* --states.* --bisect tiny/,
      ),
    ]);
  });

  it('the machine that made one is held to it even if its id is another by now', async () => {
    await pin();
    const verdict = verdictOn(run(0, { numerics: { fp32: '3'.repeat(12) } }), folder);
    expect(verdict).toMatchObject({ kind: 'exact', pass: true });
  });

  it('one of before binds those that adopted it', async () => {
    rmSync(file());
    const adopted = { ...golden, adopted: ['111111111111', '222222222222'] };
    await writeGolden(goldenFile(folder, adopted), adopted);
    expect(goldenFile(folder, adopted)).toMatch(/111111111111\.json$/);
    const elsewhere = { ...amd, numerics: { fp32: '222222222222' } };
    expect(verdictOn(run(0, elsewhere), folder)).toMatchObject({ kind: 'exact', pass: true });
    expect(verdictOn(run(0.001, elsewhere), folder).notes).toEqual([
      expect.stringContaining('Both have numerics 222222222222'),
    ]);
    expect(verdictOn(run(0, amd), folder).kind).toBe('band');
  });

  it('what is portable is compared bit by bit even where its id is another, which is said', async () => {
    const experiment = { name: 'tiny', seed: 0, numerics: 'portable' };
    const portable = run(0, { experiment, numerics });
    const { bands: _, ...bare } = golden;
    await writeGolden(goldenPath(folder, portable), { ...bare, record: portable });
    const other = { ...amd, experiment, numerics: { fp32: '444444444444' } };
    const verdict = verdictOn(run(0, other), folder);
    expect(verdict).toMatchObject({ kind: 'exact', pass: true });
    expect(verdict.notes).toEqual([
      expect.stringContaining(
        'the portable numerics here are 444444444444, those of the golden 111',
      ),
    ]);
    expect(verdictOn(run(0.001, other), folder)).toMatchObject({ kind: 'exact', pass: false });
  });
});

it('says clearly that an experiment has no golden', () => {
  const other = run(0, { experiment: { name: 'other' } });
  const verdict = verdictOn(other, folder);
  expect(verdict).toMatchObject({ kind: 'none', pass: true, rows: [] });
  expect(verdictText(verdict)).toContain('other: there is no golden for this experiment');
  cpSync(dirname(file()), dirname(goldenPath(folder, other)), { recursive: true });
  expect(() => verdictOn(other, folder)).toThrow('its folder and name say otherwise');
});

it('lists what changed between two runs, first things first', () => {
  const changes = changesBetween(pinned, run(0.5));
  expect(changes.map(({ epoch, metric }) => `${epoch} ${metric}`)).toEqual([
    '0 knn_top1',
    '0 state',
    '1 loss',
    '1 state',
    '2 loss',
    '2 state',
    '3 loss',
    '3 state',
    'final linear_top1',
  ]);
  expect(changes[0]).toEqual({ epoch: 0, metric: 'knn_top1', before: 30, after: 30.5 });
  expect(changesBetween(pinned, cutAt(pinned, 2)).at(-1)).toEqual({
    epoch: 'final',
    metric: 'linear_top1',
    before: 60,
  });
  expect(changesBetween(pinned, run())).toEqual([]);
});
