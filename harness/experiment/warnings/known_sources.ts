import type { Sha256 } from '../../base/index.ts';

/** What is known of a source before the first step. */
export interface KnownSource {
  readonly count: number;
  /** Samples that are not another one repeated, where some are. */
  readonly distinct?: number | undefined;
  /** Absent where there are no labels, or nobody knows them yet. */
  readonly classes?: number | undefined;
  /** Of its manifest. */
  readonly sha256?: Sha256 | string | undefined;
}

/** Sources by use: `train`, `evaluation.train`, `evaluation.test`; absent where not known. */
export type KnownSources = Readonly<Record<string, KnownSource | undefined>>;
