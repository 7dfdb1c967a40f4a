import type fc from 'fast-check';

/** Something that parses outside data, and files for it. */
export interface Target {
  /** Files, most of them changed from valid ones. */
  readonly files: fc.Arbitrary<Uint8Array>;
  /** Files that come first, whatever the seed: whole ones, odd ones, and what was found once. */
  readonly fixed: readonly Uint8Array[];
  /** Where the file lies that is read; what else it takes is put into the folder. */
  place(folder: string): string;
  /**
   * Reads the file as a command would.
   * @param serial number of the file, for what is to alternate
   * @throws UserError
   */
  feed(path: string, serial: number): unknown;
  /** What messages begin with that do not name the file. */
  readonly names?: RegExp;
}

/** Everything that is fuzzed. */
export const TARGETS = [
  'safetensors',
  'experiment',
  'record',
  'golden',
  'list',
  'voc',
  'vocObjects',
  'cocoObjects',
  'cocoResults',
  'vocResults',
  'subset',
  'targets',
  'tar',
  'cifar',
  'npy',
  'unpickler',
  'zip',
  'detectron',
  'detector',
  'jpeg',
  'png',
  'webp',
  'gif',
] as const;

export type TargetName = (typeof TARGETS)[number];

/** Files that one seed makes at a time: file `i` is the `i % BATCH`-th of seed `seed + floor(i / BATCH)`. */
export const BATCH = 250;

/** Processor seconds that a file may take. */
export const MOST_SECONDS = 5;

/** Bytes by which a file may raise the most memory that the process has had. */
export function mostBytes(name: TargetName): number {
  const pictures: readonly TargetName[] = ['jpeg', 'png', 'webp', 'gif'];
  // The largest picture that is taken has 512 MiB of pixels, and its decoder may have them, too.
  return (pictures.includes(name) ? 1280 : 256) * 2 ** 20;
}

/** What a child process tells of one file. */
export interface Finding {
  readonly serial: number;
  readonly what: string;
}

/** What a child process tells at its end. */
export interface Tally {
  readonly files: number;
  /** How many ended in a value; the others ended in a UserError. */
  readonly taken: number;
  readonly slowestSeconds: number;
  readonly largestBytes: number;
}
