import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  canonicalJson,
  readText,
  sha256,
  sha256Json,
  UserError,
  writeAtomic,
  writeError,
} from '../base/index.ts';
import { bytesOf } from '../engine/array.ts';
import { wholeLines } from '../log/step_file.ts';
import type { Tensors } from '../step/learner.ts';

const FILE = 'states.jsonl';
/** Hex digits that are kept of a hash: enough to tell states apart, short enough for every step. */
const DIGITS = 16;

/** The hash of every tensor after a step. */
export const StateRow = z.strictObject({
  /** Steps finished. */
  step: z.int().nonnegative(),
  /** Name and first digits of the SHA-256 of type, shape and bytes, in the order of the networks. */
  tensors: z.array(z.tuple([z.string(), z.string()])),
});
export type StateRow = z.infer<typeof StateRow>;

/** Hashes of a state, in its own order. */
function stateRow(step: number, tensors: Tensors): StateRow {
  return {
    step,
    tensors: [...tensors].map(([name, { dtype, shape, data }]) => {
      const hash = sha256([sha256Json([dtype, shape]), bytesOf(data)]);
      return [name, hash.slice(0, DIGITS)];
    }),
  };
}

/**
 * `states.jsonl` of a work directory: what `compare` finds the first tensor by when two runs part,
 * also when they ran on different machines. A resumed run goes on in the same file.
 */
export class StateFile {
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Opens the file of a run and forgets what it says after `lastStep`. */
  static async open(folder: string, lastStep: number): Promise<StateFile> {
    const kept = readStates(folder).filter(({ step }) => step <= lastStep);
    const path = join(folder, FILE);
    await writeAtomic(path, kept.map((row) => `${canonicalJson(row)}\n`).join(''));
    return new StateFile(path);
  }

  append(step: number, tensors: Tensors): void {
    try {
      appendFileSync(this.path, `${canonicalJson(stateRow(step, tensors))}\n`);
    } catch (cause) {
      throw writeError(this.path, cause);
    }
  }
}

/** What a work directory holds; empty where states were not recorded. */
export function readStates(folder: string): StateRow[] {
  const path = join(folder, FILE);
  if (!existsSync(path)) return [];
  return wholeLines(readText(path)).map((line, i) => {
    const row = StateRow.safeParse(jsonOf(line));
    if (row.success) return row.data;
    throw new UserError(`${path} is damaged in line ${i + 1}`);
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
