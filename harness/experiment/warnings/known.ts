/** What is known of a source before the first step. */
export interface KnownSource {
  readonly count: number;
  /** Absent where there are no labels, or nobody knows them yet. */
  readonly classes?: number | undefined;
  /** Of its manifest. */
  readonly sha256?: string | undefined;
}

/** Sources by use: `train`, `evaluation.train`, `evaluation.test`; absent where not known. */
export type KnownSources = Readonly<Record<string, KnownSource | undefined>>;
