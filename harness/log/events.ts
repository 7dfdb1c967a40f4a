import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Clock, writeError } from '../base/index.ts';
import { bytesField, integerField } from '../engine/native/protobuf.ts';

/**
 * Writes scalars as TensorBoard reads them: TFRecord frames around `Event` messages of
 * tensorflow/core/util/event.proto. Values are float32 there, as in the original's files.
 */
export class EventWriter {
  readonly path: string;
  private readonly clock: Clock;

  /**
   * @param folder where TensorBoard looks; must exist.
   * @param resumeStep makes TensorBoard forget what older files hold from this step on, so that a
   *   resumed run shows no step twice.
   */
  constructor(folder: string, clock: Clock, resumeStep?: number) {
    this.clock = clock;
    const seconds = String(Math.floor(this.wallTime())).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.0`);
    this.append([bytesField(3, 'brain.Event:2')]);
    if (resumeStep !== undefined) {
      const sessionStart = integerField(1, 1); // SessionLog.status = START
      this.append([integerField(2, resumeStep), bytesField(7, sessionStart)]);
    }
  }

  /** One point of each curve at a step. Values that are not finite are written as they are. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const summary = Object.entries(values).flatMap(([tag, value]) =>
      bytesField(1, [...bytesField(1, tag), ...float32Field(2, value)]),
    );
    this.append([integerField(2, step), bytesField(5, summary)]);
  }

  private append(fields: readonly number[][]): void {
    const event = [...float64Field(1, this.wallTime()), ...fields.flat()];
    try {
      appendFileSync(this.path, frame(Uint8Array.from(event)));
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }

  private wallTime(): number {
    return this.clock.now().getTime() / 1000;
  }
}

/** One TFRecord: length, its masked checksum, the content, its masked checksum. */
function frame(content: Uint8Array): Buffer {
  const record = Buffer.alloc(content.length + 16);
  record.writeBigUInt64LE(BigInt(content.length));
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(content, 12);
  record.writeUInt32LE(maskedCrc(content), 12 + content.length);
  return record;
}

const CASTAGNOLI = 0x82f63b78; // reflected polynomial of CRC-32C, RFC 3720
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  return crc;
});

/** CRC-32C of bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// TFRecord stores checksums turned and offset, so that a checksum of checksums stays strong.
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function float32Field(field: number, value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return [field * 8 + 5, ...bytes];
}

function float64Field(field: number, value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return [field * 8 + 1, ...bytes];
}
