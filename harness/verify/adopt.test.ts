import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../record/record.ts';
import { type RecordParts, recordOf } from '../testing/records.ts';
import { adopt } from './adopt.ts';
import { goldenPath, readGolden, writeGolden } from './golden.ts';
import { verdictOn } from './golden_verdict.ts';

const experiment = { name: 'tiny', seed: 0 };
const intel = { platform: 'aaaaaaaaaaaa', cpu: 'GenuineIntel family 6 model 207' };
const amd = { platform: 'bbbbbbbbbbbb', cpu: 'AuthenticAMD family 26 model 2' };
const here = { ...amd, numerics: { fp32: '111111111111' } };
const run = (loss: number, parts: Partial<RecordParts>) =>
  recordOf({ experiment, epochs: [{ knn_top1: 30 }, { loss }], final: { top1: 60 }, ...parts });

const former = run(3, intel);
const blessing = {
  reason: 'first',
  command: 'bless',
  commit: 'c0ffee',
  changed: [],
  differences: [],
  chain: former.epochs.at(-1)?.chain ?? expect.unreachable(),
};

let folder = '';
const pin = (record: RunRecord) =>
  writeGolden(goldenPath(folder, record), {
    format: 'reprise-golden-2',
    horizon: 1,
    record,
    log: [blessing],
  });
const files = () => readdirSync(dirname(goldenPath(folder, former))).sort();

function adoptBy(record: RunRecord) {
  const pinnable = {
    experiment,
    epochs: 1,
    run: () => Promise.resolve(record),
    verifyFirst: () => expect.unreachable(),
  };
  return adopt({
    pinnable,
    folder,
    command: 'adopt',
    commit: 'decade',
    date: '2026-01-02',
    workDir: '.',
    tell: () => {},
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'adopt-'));
  await pin(former);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a golden of before there were ids', () => {
  it('gets the id of the first machine that meets it, and its log says who met whom', async () => {
    const { kind, path, id } = await adoptBy(run(3, here));
    expect({ kind, id }).toEqual({ kind: 'adopted', id: '111111111111' });
    expect(files()).toEqual(['111111111111.json']);
    const golden = readGolden(path);
    expect(golden.record).toEqual(former);
    expect(golden.log).toMatchObject([
      blessing,
      {
        reason: 'met bit by bit on AMD family 26 model 2; made on Intel family 6 model 207',
        commit: 'decade',
        chain: blessing.chain,
        met: { id: '111111111111', fingerprint: 'bbbbbbbbbbbb', date: '2026-01-02' },
      },
    ]);
    expect(verdictOn(run(3, here), folder)).toMatchObject({ kind: 'exact', pass: true });
    expect((await adoptBy(run(3, here))).kind).toBe('held');
    expect(readGolden(path)).toEqual(golden);
  });

  it('gets further ids from others that meet it, under the name that it has', async () => {
    await adoptBy(run(3, here));
    const { path } = await adoptBy(run(3, { ...intel, numerics: { fp32: '000000000000' } }));
    expect(files()).toEqual(['111111111111.json']);
    expect(readGolden(path).adopted).toEqual(['111111111111', '000000000000']);
  });

  it('stays as it is where one bit is another', async () => {
    const { kind, verdict } = await adoptBy(run(3 + 2 ** -51, here));
    expect(kind).toBe('missed');
    expect(verdict.summary).toContain('first loss of epoch 1');
    expect(files()).toEqual(['aaaaaaaaaaaa.json']);
    expect(readGolden(goldenPath(folder, former)).log).toEqual([blessing]);
  });

  it('is told from others of the experiment by its bits', async () => {
    await pin(run(4, { platform: '000000000000' }));
    const { path, kind } = await adoptBy(run(3, here));
    expect(kind).toBe('adopted');
    expect(readGolden(path).record).toEqual(former);
    expect(files()).toEqual(['000000000000.json', '111111111111.json']);
  });
});

it('one that has the id already and is not met is a miss', async () => {
  rmSync(goldenPath(folder, former));
  await pin(run(3, { ...intel, numerics: here.numerics }));
  expect((await adoptBy(run(4, here))).kind).toBe('missed');
  expect(existsSync(goldenPath(folder, run(3, here)))).toBe(true);
});

it('nothing is adopted of an experiment without a golden, nor by a run without an id', async () => {
  await expect(adoptBy(run(3, amd))).rejects.toThrow('have no id');
  rmSync(goldenPath(folder, former));
  await expect(adoptBy(run(3, here))).rejects.toThrow('there is no golden to adopt');
});
