import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from '../harness/base/canonical.ts';
import { sha256Json } from '../harness/base/hash.ts';
import { experimentId, parseExperiment } from '../harness/experiment/spec.ts';
import { chained, type EpochEntry, exactNumber, numberOf } from '../harness/record/entries.ts';
import { readRunSteps } from '../harness/record/former.ts';
import { readRecord } from '../harness/record/record.ts';
import { loadRunCheckpoint } from '../harness/record/run_checkpoint.ts';
import { reviseWorkDir } from '../harness/run/revise_work_dir.ts';
import { readGolden } from '../harness/verify/golden.ts';
import { reviseGoldens, reviseRecords } from '../harness/verify/revise.ts';
import { saveCheckpoint } from '../harness/weights/checkpoint.ts';
import { methods } from '../methods/index.ts';
import { small as odc } from '../methods/odc.recipes.ts';
import { small as relativeLoc } from '../methods/relative_loc.recipes.ts';
import { small as simclr } from '../methods/simclr.recipes.ts';
import { stateOf, tinyExperiment } from './tiny.ts';

/** The golden of `odc` as it was before the one revision of the format. */
const FORMER = join(import.meta.dirname, 'former/odc.golden.json');
const Former = z.looseObject({
  bands: z.looseObject({
    epochs: z.array(
      z.looseObject({ metrics: z.record(z.string(), z.record(z.string(), z.number())) }),
    ),
  }),
  record: z.looseObject({
    seal: z.string(),
    experiment: z.looseObject({ name: z.string() }),
    experimentId: z.string(),
    epochs: z.array(
      z.looseObject({
        stateHash: z.string(),
        metrics: z.record(z.string(), z.object({ bits: z.string() })),
      }),
    ),
  }),
  log: z.array(z.unknown()),
});
const former = Former.parse(JSON.parse(readFileSync(FORMER, 'utf8')));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'former-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a golden of the former format', () => {
  const golden = readGolden(FORMER);

  it('keeps every state hash and every bit but those of accuracies, which are 100 times what they were', () => {
    expect(golden.record.epochs.map(({ stateHash }) => stateHash)).toEqual(
      former.record.epochs.map(({ stateHash }) => stateHash),
    );
    let accuracies = 0;
    for (const [i, { metrics }] of golden.record.epochs.entries())
      for (const [name, now] of Object.entries(metrics)) {
        const before = numberOf({
          value: 0,
          bits: former.record.epochs[i]?.metrics[name]?.bits ?? '',
        });
        if (name === 'accuracy') accuracies++;
        expect(now).toEqual(exactNumber(name === 'accuracy' ? 100 * before : before));
      }
    expect(accuracies).toBe(2);
  });

  it('has its bands in the same units', () => {
    let accuracies = 0;
    for (const [i, { metrics }] of (golden.bands?.epochs ?? []).entries())
      for (const [name, band] of Object.entries(metrics)) {
        const before = former.bands.epochs[i]?.metrics[name] ?? {};
        const factor = name === 'accuracy' ? 100 : 1;
        if (name === 'accuracy') accuracies++;
        for (const [field, value] of Object.entries(band))
          expect(value).toBe(factor * (before[field] ?? Number.NaN));
      }
    expect(accuracies).toBe(2);
  });

  it('is of today’s experiment, and says what it was', () => {
    const { record, log } = golden;
    expect(record.experimentId).toBe(experimentId(parseExperiment(odc, methods)));
    expect(record.revised).toMatchObject({
      format: 'reprise-record-1',
      experimentId: former.record.experimentId,
      seal: former.record.seal,
    });
    expect(log.slice(0, -1)).toEqual(former.log);
    expect(log.at(-1)).toMatchObject({
      changed: ['format'],
      ids: { before: former.record.experimentId, after: record.experimentId },
      reason: expect.stringContaining('one revision of the format'),
    });
  });

  it('is refused where it was changed by hand', () => {
    const file = join(folder, 'golden.json');
    const text = readFileSync(FORMER, 'utf8');
    const bits = former.record.epochs[1]?.metrics.accuracy?.bits ?? expect.unreachable();
    writeFileSync(
      file,
      text.replace(
        bits,
        bits.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
      ),
    );
    expect(() => readGolden(file)).toThrow(/was changed by hand/);
  });

  it('is moved to where today’s code looks for it, once', async () => {
    const old = join(folder, former.record.experimentId.slice(0, 12));
    mkdirSync(old);
    cpSync(FORMER, join(old, '63b31c3ee302.json'));
    const [moved, ...others] = await reviseGoldens(folder);
    expect(others).toEqual([]);
    expect(moved?.to).toBe(
      join(folder, golden.record.experimentId.slice(0, 12), '63b31c3ee302.json'),
    );
    expect(readdirSync(folder)).toEqual([golden.record.experimentId.slice(0, 12)]);
    expect(readGolden(moved?.to ?? '')).toEqual(golden);
    expect(await reviseGoldens(folder)).toEqual([]);
  });
});

describe('an experiment in a former spelling', () => {
  const neck = { kind: 'simclr', hidden: 2048, out: 128 };
  it.each([
    [
      'relative_loc',
      { ...relativeLoc, method: { kind: 'relativeLoc', neck: { kind: 'relativeLoc', out: 256 } } },
      relativeLoc,
    ],
    [
      'odc',
      {
        ...odc,
        method: {
          ...odc.method,
          neck: { kind: 'odc', hidden: 128, out: 64, normMomentum: 0.1, dropout: 0 },
        },
      },
      odc,
    ],
    [
      'simclr',
      {
        ...simclr,
        method: { ...simclr.method, neck: { kind: 'simclr', hidden: 256, out: 64, bias: false } },
      },
      simclr,
    ],
    [
      'three layers',
      {
        ...simclr,
        method: { ...simclr.method, neck: { ...neck, layers: 3, lastNorm: false, norm: 'batch' } },
      },
      {
        ...simclr,
        method: {
          ...simclr.method,
          neck: { kind: 'layers', hidden: [2048, 2048], out: 128, lastNorm: false, norm: 'batch' },
        },
      },
    ],
  ])('is read as today’s: %s', (_, written, today) => {
    const found = parseExperiment(written, methods);
    expect(found).toEqual(parseExperiment(today, methods));
    expect(experimentId(found)).toBe(experimentId(parseExperiment(today, methods)));
  });

  it('is refused where it is mixed with today’s', () => {
    const mixed = {
      ...simclr,
      method: { ...simclr.method, neck: { ...simclr.method.neck, kind: 'simclr' } },
    };
    expect(() => parseExperiment(mixed, methods)).toThrow(/method\.neck\.kind: .*layers/);
  });
});

/** A work directory as the former format has it: an epoch and a half, with shares of 0 to 1. */
async function formerWorkDir(): Promise<string> {
  const experiment = tinyExperiment();
  const entry = (epoch: number, accuracy: number) => ({
    epoch,
    step: 4 * epoch,
    metrics: { accuracy: exactNumber(accuracy), loss: exactNumber(3 - epoch) },
    stateHash: sha256Json(epoch),
  });
  const epochs: EpochEntry[] = [];
  for (const one of [entry(0, 0.1), entry(1, 0.3)]) epochs.push(chained(one, epochs.at(-1)));
  const provenance = {
    data: { train: sha256Json('images') },
    graph: sha256Json('graph'),
    library: sha256Json('library'),
    fingerprint: { id: 'aaaaaaaaaaaa', device: 'cpu' },
  };
  const meta = {
    experiment,
    experimentId: sha256Json(experiment),
    epoch: 1,
    step: 4,
    epochStep: 0,
  };
  const extra = { provenance, epochs, sums: { images: 0, totals: [] } };
  await saveCheckpoint(folder, { tensors: stateOf(experiment), meta: { ...meta, extra } });
  const record = {
    format: 'reprise-record-1',
    experiment,
    experimentId: sha256Json(experiment),
    ...provenance,
    environment: {},
    epochs,
    finished: false,
  };
  writeFileSync(
    join(folder, 'record.json'),
    canonicalJson({ ...record, seal: sha256Json(record) }),
  );
  writeFileSync(
    join(folder, 'steps.csv'),
    'step,lr,images,loss,accuracy\n1,0.030,32,2.50,0.125\n2,0.03,32,2.25,0.3\n',
  );
  const line = { mode: 'train', epoch: 1, iter: 2, lr: 0.03, loss: 2.25, accuracy: 0.3 };
  writeFileSync(
    join(folder, '20260101_000000.log.json'),
    `${JSON.stringify({ seed: 0 })}\n${JSON.stringify(line)}\n`,
  );
  return folder;
}

describe('a work directory of the former format', () => {
  it('is read in today’s units', async () => {
    await formerWorkDir();
    const record = readRecord(folder);
    expect(
      record.epochs.map(({ metrics }) => numberOf(metrics.accuracy ?? expect.unreachable())),
    ).toEqual([10, 30]);
    expect(readRunSteps(folder).map(({ metrics }) => metrics.accuracy)).toEqual([12.5, 30]);
    const { meta } = await loadRunCheckpoint(join(folder, 'epoch_1.safetensors'));
    expect(meta.extra).toMatchObject({ format: 'reprise-record-2', epochs: record.epochs });
  });

  it('is brought over once, whatever moment a crash came at', async () => {
    await formerWorkDir();
    const record = readRecord(folder);
    const before = readFileSync(join(folder, 'steps.csv'), 'utf8');
    expect(await reviseWorkDir(folder)).toBe(true);
    const steps = readFileSync(join(folder, 'steps.csv'), 'utf8');
    expect(steps).toBe('step,lr,images,loss,accuracy\n1,0.030,32,2.50,12.5\n2,0.03,32,2.25,30\n');
    const log = readFileSync(join(folder, '20260101_000000.log.json'), 'utf8');
    expect(log).toBe(
      '{"seed":0}\n{"mode":"train","epoch":1,"iter":2,"lr":0.03,"loss":2.25,"accuracy":30}\n',
    );
    expect(readRecord(folder)).toEqual(record);
    expect(await reviseWorkDir(folder)).toBe(false);
    expect(readFileSync(join(folder, 'steps.csv'), 'utf8')).toBe(steps);
    // The record is there, the files beside it have not taken their places yet.
    writeFileSync(join(folder, 'steps.csv'), before);
    writeFileSync(join(folder, 'steps.csv.revised'), steps);
    await reviseWorkDir(folder);
    expect(readFileSync(join(folder, 'steps.csv'), 'utf8')).toBe(steps);
    // Files were written beside it, but the record is still of the former format.
    await formerWorkDir();
    writeFileSync(join(folder, 'steps.csv.revised'), 'half of a');
    await reviseWorkDir(folder);
    expect(readFileSync(join(folder, 'steps.csv'), 'utf8')).toBe(steps);
    expect(readdirSync(folder).filter((name) => name.endsWith('.revised'))).toEqual([]);
  });

  it('has its record moved alone in a folder of records', async () => {
    await formerWorkDir();
    mkdirSync(join(folder, 'records'));
    cpSync(join(folder, 'record.json'), join(folder, 'records/tiny.json'));
    const record = readRecord(folder);
    expect(await reviseRecords(join(folder, 'records'))).toHaveLength(1);
    expect(readRecord(join(folder, 'records/tiny.json'))).toEqual(record);
    expect(await reviseRecords(join(folder, 'records'))).toEqual([]);
  });
});
