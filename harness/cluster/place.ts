/** Where a process stands among those of a run: what a launcher decides before any of them starts. */
export interface Place {
  /** From 0. The process of rank 0 writes the files of the run. */
  readonly rank: number;
  /** `host:port` of each process's TensorFlow server, by rank. */
  readonly servers: readonly string[];
  /** `host:port` at which the process of rank 0 awaits the others' connections (`Group`). */
  readonly meeting: string;
  /** After so long without a sign of life a process counts as lost. */
  readonly timeoutSeconds: number;
  /** Known to all processes of a run and to no other: who does not know it is not let in. */
  readonly secret: string;
}
