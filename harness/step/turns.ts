import { UserError } from '../base/index.ts';
import type { Group } from '../cluster/group.ts';
import { ImageError } from '../data/loader/image_error.ts';
import { bytesOf } from '../engine/array.ts';
import { Stopped } from './stopped.ts';

/** What taking turns needs of a group. */
export type TurnGroup = Pick<Group, 'rank' | 'processes' | 'gather'>;

export interface TurnSetup {
  /** Absent where one process computes all. */
  readonly group?: TurnGroup | undefined;
  /** What is computed, for the message where processes are not at the same. */
  readonly name: string;
  /** Batches of all processes together. */
  readonly batches: number;
  /** Where `own` throws its reason, the others are told to stop. */
  readonly signal?: AbortSignal | undefined;
}

/** float32 rows of a batch, counted from 0. */
export interface BatchRows {
  readonly batch: number;
  readonly rows: Float32Array;
}

/**
 * Rows of all batches in order, on every process of a group. They take turns: the process of a rank computes the
 * batches rank, rank + processes, …, and hands each in while it computes the next. So no more than one batch of
 * each is on its way, and what ends one of them ends all at the same batch.
 * @param own rows of this process's batches, one after another
 * @throws what `own` throws, on the other processes the same: `Stopped`, `ImageError` or `UserError` where it is one.
 */
export async function* inTurns(
  { group, name, batches, signal }: TurnSetup,
  own: AsyncIterable<Float32Array>,
): AsyncGenerator<BatchRows> {
  if (group === undefined || group.processes === 1) {
    let batch = 0;
    for await (const rows of own) yield { batch: batch++, rows };
    return;
  }
  const { processes } = group;
  const mine = own[Symbol.asyncIterator]();
  let underWay: Promise<readonly BatchRows[]> | undefined;
  try {
    for (let first = 0; first < batches; first += processes) {
      const turn = { first, batches, name };
      const found = first + group.rank < batches ? await outcomeOf(mine, signal) : NOTHING;
      if (underWay !== undefined) yield* await underWay;
      underWay = handedIn(group, turn, found);
      underWay.catch(() => undefined); // it is awaited in its turn
    }
    if (underWay !== undefined) yield* await underWay;
  } finally {
    await mine.return?.();
  }
}

/** What a process has for a turn: rows, or what ended it. */
type Outcome =
  | { readonly rows: Float32Array }
  | { readonly error: unknown; readonly stopped: boolean };
const NOTHING: Outcome = { rows: new Float32Array() };

async function outcomeOf(
  own: AsyncIterator<Float32Array>,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  try {
    const { value, done } = await own.next();
    if (done) throw new Error('turns: fewer batches were made than there are');
    return { rows: value };
  } catch (error) {
    const told = signal?.aborted === true && error === signal.reason;
    return { error, stopped: told || error instanceof Stopped };
  }
}

interface Turn {
  /** The batch of rank 0. */
  readonly first: number;
  readonly batches: number;
  readonly name: string;
}

/** The rows of all processes' batches. @throws what ended the first of those that failed. */
async function handedIn(group: TurnGroup, turn: Turn, own: Outcome): Promise<readonly BatchRows[]> {
  const { first, batches, name } = turn;
  const title = `${name}, batch ${first} of ${batches} and on`;
  const all = await group.gather(title, encoded(own));
  const found: BatchRows[] = [];
  for (const [rank, bytes] of all.entries()) {
    const batch = first + rank;
    const kind = bytes[0];
    if (kind !== KINDS.rows)
      throw rank === group.rank && 'error' in own ? own.error : failure(bytes);
    if (batch >= batches) continue;
    const copy = Uint8Array.from(bytes.subarray(1)); // floats begin at a multiple of four
    found.push({ batch, rows: new Float32Array(copy.buffer) });
  }
  return found;
}

/** The first byte of what is handed in; behind it rows, or a message. */
const KINDS = { rows: 0, stopped: 1, image: 2, user: 3, other: 4 } as const;

function encoded(own: Outcome): Uint8Array {
  const after = 'rows' in own ? bytesOf(own.rows) : new TextEncoder().encode(messageOf(own.error));
  const bytes = new Uint8Array(1 + after.length);
  bytes[0] = kindOf(own);
  bytes.set(after, 1);
  return bytes;
}

function kindOf(own: Outcome): number {
  if ('rows' in own) return KINDS.rows;
  if (own.stopped) return KINDS.stopped;
  if (own.error instanceof ImageError) return KINDS.image;
  return own.error instanceof UserError ? KINDS.user : KINDS.other;
}

function failure(bytes: Uint8Array): Error {
  const message = new TextDecoder().decode(bytes.subarray(1));
  switch (bytes[0]) {
    case KINDS.stopped:
      return new Stopped(message);
    case KINDS.image:
      return new ImageError(message);
    case KINDS.user:
      return new UserError(message);
    default:
      return new Error(message);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
