import { join } from 'node:path';
import { readBytes, readFolder, writeAtomic } from '../base/index.ts';
import { fields } from '../engine/native/protobuf.ts';

/** Where a resumed run begins, in steps. */
export interface Kept {
  /** The last step that stays. */
  readonly step: number;
  /** The last step whose evaluation stays. */
  readonly validation: number;
}

const NAME = /^events\.out\.tfevents\./;

/**
 * Takes out of the event files of a folder what a resumed run will write again, and a record that a crash cut short.
 * TensorBoard would pass over it by itself; other readers would find points twice.
 */
export async function forgetEvents(folder: string, kept: Kept): Promise<void> {
  for (const name of readFolder(folder).filter((one) => NAME.test(one))) {
    const path = join(folder, name);
    const bytes = readBytes(path);
    const all = frames(bytes);
    const staying = all.filter((frame) => stays(frame.subarray(12, -4), kept));
    const length = staying.reduce((sum, frame) => sum + frame.length, 0);
    if (length < bytes.length) await writeAtomic(path, staying);
  }
}

/** Whole TFRecord frames, up to the first that is cut short. */
function frames(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const size = 16 + Number(bytes.readBigUInt64LE(at));
    if (at + size > bytes.length) break;
    found.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

/** Of an Event: 2 step, 5 summary, of which 1 is a value with its tag as 1. */
function stays(event: Uint8Array, { step, validation }: Kept): boolean {
  let at = 0;
  let tag: string | undefined;
  for (const { field, value } of fields(event)) {
    if (field === 2) at = Number(value);
    if (field === 5) tag = text(inner(inner(value, 1), 1));
  }
  return tag === undefined || at <= (tag.endsWith('/val') ? validation : step);
}

function inner(message: unknown, wanted: number): unknown {
  if (!(message instanceof Uint8Array)) return undefined;
  return [...fields(message)].find(({ field }) => field === wanted)?.value;
}

function text(bytes: unknown): string | undefined {
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : undefined;
}
