import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { crc32c, EventWriter } from './events.ts';

let second = 1_600_000_000;
const clock: Clock = { now: () => new Date(second++ * 1000), seconds: () => 0 };
const folder = mkdtempSync(join(tmpdir(), 'events-'));
const values = [0.1, -3.5, 1e-30, Number.NaN, Number.POSITIVE_INFINITY, 12345.678];

beforeAll(() => {
  const first = new EventWriter(folder, clock);
  values.forEach((value, step) => {
    first.scalars(step * 1000, { 'loss/train': value, learning_rate: step / 3 });
  });
  // Resumed at step 4000: what the first file says of 4000 and 5000 is void.
  const second = new EventWriter(folder, clock, 4000);
  second.scalars(4000, { 'loss/train': 7 });
});
afterAll(() => rmSync(folder, { recursive: true }));

test('CRC-32C of known inputs (RFC 3720, B.4)', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
});

// A second reading of the format, bit by bit and without the writer's code.
function slowMaskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0x82f63b78n : 0n);
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

function records(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const content = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 8)).toBe(slowMaskedCrc(bytes.subarray(at, at + 8)));
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(slowMaskedCrc(content));
    found.push(content);
    at += 16 + length;
  }
  return found;
}

interface Field {
  readonly id: number;
  readonly bytes: Buffer;
  readonly integer: number;
}

function decode(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
      shift += 7n;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const size = { 0: -1, 1: 8, 5: 4 }[tag & 7] ?? varint();
    const integer = size < 0 ? varint() : 0;
    found.push({ id: tag >> 3, bytes: message.subarray(at, at + Math.max(size, 0)), integer });
    at += Math.max(size, 0);
  }
  return found;
}

test('the bytes are frames of Event messages', () => {
  const [path = ''] = readdirSync(folder).sort();
  expect(path).toMatch(/^events\.out\.tfevents\.1600000000\./);
  const events = records(join(folder, path)).map(decode);
  expect(events[0]?.map(({ id }) => id)).toEqual([1, 3]);
  expect(events[0]?.[1]?.bytes.toString()).toBe('brain.Event:2');
  const points = events.slice(1).map((event) => ({
    step: event.find(({ id }) => id === 2)?.integer,
    values: decode(event.find(({ id }) => id === 5)?.bytes ?? Buffer.alloc(0)).map(({ bytes }) => {
      const [tag, value] = decode(bytes);
      return [tag?.bytes.toString(), value?.bytes.readFloatLE()];
    }),
  }));
  expect(points).toEqual(
    values.map((value, step) => ({
      step: step * 1000,
      values: [
        ['loss/train', Math.fround(value)],
        ['learning_rate', Math.fround(step / 3)],
      ],
    })),
  );
});

const python = process.env.REPRISE_TEST_PYTHON;
const READ = `import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)]
                  for tag in events.Tags()['scalars']}))`;
const found = python !== undefined && spawnSync(python, ['-c', 'import tensorboard']).status === 0;
if (!found) {
  process.stderr.write(
    'NOT CHECKED: TensorBoard reading our events; set REPRISE_TEST_PYTHON to a Python that has it\n',
  );
}

describe.runIf(found)('TensorBoard itself', () => {
  test('reads every point, and of a resumed run none twice', () => {
    const { stdout, stderr } = spawnSync(python ?? '', ['-c', READ, folder], { encoding: 'utf8' });
    expect(stdout, stderr).toMatch(/^\{/);
    const json = stdout.replace(/NaN/g, '"NaN"').replace(/Infinity/g, '"Infinity"');
    const scalars = JSON.parse(json);
    const kept = values.slice(0, 4).map((value, step) => {
      return [step * 1000, Number.isNaN(value) ? 'NaN' : Math.fround(value)];
    });
    expect(scalars['loss/train']).toEqual([...kept, [4000, 7]]);
    expect(scalars.learning_rate).toHaveLength(4);
  });
});
