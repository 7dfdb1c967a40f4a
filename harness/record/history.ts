import { join } from 'node:path';
import { z } from 'zod';
import { type Sha256, sha256Json, writeAtomic } from '../base/index.ts';
import type { Metrics } from '../experiment/index.ts';
import { epochsCsv } from '../log/csv.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import { chained, EpochEntry, exactMetrics, metricsOf } from './entries.ts';
import { environment, Provenance } from './provenance.ts';
import { RunRecord, sealed, type UnsealedRecord, writeRecord } from './record.ts';
import { EpochSums } from './sums.ts';

/** What a checkpoint holds for the trainer besides tensors and place. */
export const CheckpointExtra = z.strictObject({
  /** Of the entries. */
  format: z.literal('reprise-record-2'),
  provenance: Provenance,
  /** The record so far. */
  epochs: z.array(EpochEntry).readonly(),
  /** Of the epoch under way. */
  sums: EpochSums,
  /** The names of the classes that the run learns, by label; absent where it learns none. */
  classes: z.array(z.string()).readonly().optional(),
  /** Of the initial weights, where a golden's band is measured. */
  perturbation: z.int().optional(),
  /** What stood before the backbone's names in the weights that the run began with. */
  pretrainedPrefix: z.string().optional(),
});
export type CheckpointExtra = z.infer<typeof CheckpointExtra>;

/** What the trainer wrote into a checkpoint. */
export function extraOf({ meta }: LoadedCheckpoint): CheckpointExtra {
  return CheckpointExtra.parse(meta.extra);
}

export interface Finished {
  readonly epoch: number;
  readonly step: number;
  readonly metrics: Metrics;
  readonly stateHash: Sha256;
}

/** The record of a run while it grows, and its files `record.json` and `epochs.csv`. */
export class History {
  private readonly folder: string;
  private readonly head: Omit<UnsealedRecord, 'epochs' | 'final' | 'finished'>;
  private entries: readonly EpochEntry[];
  private final: Metrics | undefined;

  constructor(
    folder: string,
    experiment: RunRecord['experiment'],
    provenance: Provenance,
    entries: readonly EpochEntry[],
    notes: Readonly<Record<string, string>> = {},
  ) {
    this.folder = folder;
    this.head = {
      format: 'reprise-record-2',
      experiment,
      experimentId: sha256Json(experiment),
      ...provenance,
      environment: { ...environment(), ...notes },
    };
    this.entries = entries;
  }

  get epochs(): readonly EpochEntry[] {
    return this.entries;
  }

  /** Adds an epoch as it ended. It reaches the files with `write`, after its checkpoint. */
  add({ epoch, step, metrics, stateHash }: Finished): void {
    const entry = { epoch, step, metrics: exactMetrics(metrics), stateHash };
    this.entries = [...this.entries, chained(entry, this.entries.at(-1))];
  }

  finish(final: Metrics): void {
    this.final = final;
  }

  record(): RunRecord {
    const final = this.final === undefined ? {} : { final: exactMetrics(this.final) };
    const finished = this.final !== undefined;
    return RunRecord.parse(sealed({ ...this.head, epochs: [...this.entries], ...final, finished }));
  }

  async write(): Promise<void> {
    await writeAtomic(join(this.folder, 'epochs.csv'), epochsCsv(this.rows()));
    await writeRecord(this.folder, this.record());
  }

  private rows() {
    return this.entries.map(({ epoch, metrics }) => ({ epoch, metrics: ordered(metrics) }));
  }
}

// A record from a checkpoint has its names sorted; the loss is put first again.
function ordered(exact: EpochEntry['metrics']): Metrics {
  const metrics = metricsOf(exact);
  const names = Object.keys(metrics).sort();
  const first = names.filter((name) => name === 'loss');
  return Object.fromEntries(
    [...first, ...names.filter((name) => name !== 'loss')].map((name) => [
      name,
      metrics[name] ?? Number.NaN,
    ]),
  );
}
