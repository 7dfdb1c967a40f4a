import { UserError } from '../base/index.ts';
import { ImageError } from '../data/loader/image_error.ts';
import type { EpochSums } from '../record/sums.ts';

/** Where a run stands. */
export interface Place {
  /** Epochs finished. */
  readonly epoch: number;
  /** Steps finished of the next one, and their sums. */
  readonly epochStep: number;
  readonly sums: EpochSums;
}

/** An image, the cause, could not be read; the state is that of a place, which can be saved. */
export class Unread extends Error {
  readonly place: Place;

  constructor(place: Place, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.place = place;
  }
}

/** For `catch`: an image that cannot be read is thrown on with the place where the run stands. */
export function unread(place: Place): (error: unknown) => never {
  return (error) => {
    throw error instanceof ImageError ? new Unread(place, error) : error;
  };
}

interface Left {
  /** Micro-steps finished. */
  readonly step: number;
  readonly folder: string;
  /** Whether they are in a checkpoint. */
  readonly saved: boolean;
}

/** What the user reads. */
export function unreadText({ message, cause }: Unread, { step, folder, saved }: Left): UserError {
  const kept = saved ? `step ${step} is saved` : 'the last checkpoint stands';
  return new UserError(`${message}\nthe run ends after step ${step}; ${kept}. ${goOn(folder)}`, {
    cause,
  });
}

/** How to go on where images cannot be used. */
export function goOn(folder: string): string {
  return (
    'Repair or replace what is damaged (scripts/check_data.mjs SOURCE --decode names all of a source), then ' +
    `go on with --resume_from auto --work_dir ${folder}: a file that the run has not used yet may be ` +
    'another, and the record names it (data.repaired). Without the file it is another data set and ' +
    'another run'
  );
}
