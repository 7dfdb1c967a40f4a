import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendEpoch, recordOf } from '../testing/records.ts';
import { exactNumber, numberOf } from './entries.ts';
import { readRecord, recordText, writeRecord } from './record.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const record = recordOf({
  epochs: [{ knn_top1: 31.25 }, { loss: 0.1 + 0.2, knn_top1: 40 }, { loss: -0, knn_top1: 55.5 }],
  final: { linear_top1: 61.5 },
});
const file = () => join(folder, 'record.json');

describe('a record', () => {
  it('comes back as it was written, from the folder and from the file', async () => {
    await writeRecord(folder, record);
    expect(readRecord(folder)).toEqual(readRecord(file()));
    expect(recordText(readRecord(folder))).toBe(recordText(record));
    expect(readFileSync(file(), 'utf8')).toBe(recordText(record));
  });

  it('keeps every bit of every double', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(numberOf(exactNumber(value))).toBe(value);
      }),
      { seed: 1 },
    );
    expect(exactNumber(1)).toEqual({ value: 1, bits: '3ff0000000000000' });
    expect(exactNumber(Number.NEGATIVE_INFINITY).value).toBe('-Infinity');
  });

  it('chains every entry to all before it', () => {
    const { epoch, step, metrics, stateHash } = record.epochs[2] ?? expect.unreachable();
    const other = recordOf({ epochs: [{ knn_top1: 31 }, { loss: 0.3, knn_top1: 40 }] });
    const grown = appendEpoch(other, { epoch, step, metrics, stateHash });
    expect(grown.epochs[2]?.stateHash).toBe(stateHash);
    expect(grown.epochs[2]?.chain).not.toBe(record.epochs[2]?.chain);
  });
});

/** Writes the record with one place of its text exchanged. */
function tamper(from: string | RegExp, to: string): void {
  const text = recordText(record);
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  writeFileSync(file(), changed);
}

describe('a record that was changed after it was written is refused', () => {
  const { epochs } = record;
  const [, one] = epochs;
  it.each([
    ['a bit of a metric', /"3fd3333333333334"/, '"3fd3333333333333"', 'epoch 1: loss is 0.300'],
    [
      'a metric with its bits',
      /"4044000000000000",\s*"value": 40/,
      '"4045000000000000","value": 42',
      'epoch 1: step, metrics and state hash',
    ],
    ['a state hash', one?.stateHash ?? '', 'f'.repeat(64), 'epoch 1: step, metrics and state hash'],
    ['a step', '"step": 20', '"step": 21', 'epoch 2: step, metrics and state hash'],
    [
      'a link of the chain',
      one?.chain ?? '',
      'e'.repeat(64),
      'epoch 1: step, metrics and state hash',
    ],
    ['a field of the experiment', '"seed": 0', '"seed": 1', 'experimentId is'],
    ['the data', record.data.train ?? '', 'd'.repeat(64), 'does not fit its seal'],
    [
      'the final result',
      /"404ec00000000000",\s*"value": 61.5/,
      '"4053000000000000","value": 76',
      'does not fit its seal',
    ],
    ['the order of epochs', '"epoch": 2', '"epoch": 3', 'entry 2 is of epoch 3'],
    ['its end', '"finished": true', '"finished": false', 'finished and final'],
  ])('%s', (_, from, to, message) => {
    tamper(from, to);
    expect(() => readRecord(folder)).toThrow(message);
    expect(() => readRecord(folder)).toThrow(file());
  });

  it('so are other files, by what is wrong with them', () => {
    expect(() => readRecord(folder)).toThrow('is not there; expected the work directory of a run');
    writeFileSync(file(), recordText(record).slice(0, -5));
    expect(() => readRecord(folder)).toThrow('is no JSON');
    tamper('"finished"', '"finish"');
    expect(() => readRecord(folder)).toThrow('did you mean finished?');
  });
});
