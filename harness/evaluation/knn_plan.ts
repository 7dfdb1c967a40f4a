import { capacityFor } from './candidates.ts';

/** How a search is cut into parts. None of these numbers changes a bit of what is found. */
export interface KnnPlan {
  /** References of a bank on the engine. */
  readonly rows: number;
  /** Banks that hold all references. */
  readonly pieces: number;
  /** Whether all banks stay on the engine, and all references on the host. */
  readonly resident: boolean;
  /** Queries of a run. */
  readonly queries: number;
  /** Queries that are searched for together. */
  readonly group: number;
}

export interface KnnSize {
  readonly references: number;
  readonly queries: number;
  readonly width: number;
  readonly k: number;
}

const ROWS = 16384;
const QUERIES = 512;
const GROUP = 2048;
/** Bytes of references that may stay in memory, both forms of them together. */
const RESIDENT = 4 * 2 ** 30;
/** Numbers of references that are compared one by one at a time where they do not stay. */
export const PART = 2 ** 24;

/**
 * While references fit they stay, and a few queries after the other look through them all, so that the
 * host's part of the work is done beside the engine's. Where they do not, all queries look through one
 * bank after the other, and the references are read once more for the second look.
 */
export function knnPlan(
  { references, queries, width }: KnnSize,
  { bank = ROWS, batch = QUERIES, resident = RESIDENT } = {},
): KnnPlan {
  const pieces = Math.ceil(references / bank);
  const stays = references * width * 8 <= resident;
  return {
    rows: Math.ceil(references / pieces),
    pieces,
    resident: stays,
    queries: Math.min(batch, queries),
    group: stays ? Math.min(GROUP, queries) : queries,
  };
}

/** Bytes that a search holds at most, besides its inputs where those are in memory. */
export function knnBytes(plan: KnnPlan, { references, queries, width, k }: KnnSize): number {
  const { rows, pieces, resident, group } = plan;
  const banks = (resident ? pieces : 1) * rows * width * 4;
  // Filling a bank: as read, in its exact form, for the engine, and padded.
  const filling = 4 * rows * width * 4;
  // As they are computed, as the engine hands them over, twice because one run is ahead.
  const scores = 2 * 2 * plan.queries * rows * 4;
  const host = resident ? references * width * 4 : 2 * PART * 4;
  // Queries in their exact form and for the engine; two groups, of which one is looked at once more.
  const groups = resident ? 2 : 1;
  const looked = groups * group * (2 * width * 4 + capacityFor(k) * (4 + 4 + 8));
  return banks + filling + scores + host + looked + queries * k * (4 + 8);
}
