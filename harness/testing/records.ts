import { sha256, sha256Json } from '../base/hash.ts';
import type { Metrics } from '../experiment/metrics.ts';
import { chained, type EpochEntry, exactMetrics } from '../record/entries.ts';
import type { Numerics } from '../record/numerics.ts';
import { type RunRecord, sealed, type UnsealedRecord } from '../record/record.ts';

/** A record with one more epoch, chained to those before. */
export function appendEpoch(record: UnsealedRecord, entry: Omit<EpochEntry, 'chain'>): RunRecord {
  return sealed({ ...record, epochs: [...record.epochs, chained(entry, record.epochs.at(-1))] });
}

export interface RecordParts {
  readonly experiment?: { readonly name: string; readonly [field: string]: unknown };
  /** One per epoch, from epoch 0. */
  readonly epochs: readonly Metrics[];
  /** Finishes the run. */
  readonly final?: Metrics;
  readonly platform?: string;
  readonly device?: 'cpu' | 'gpu';
  /** Vendor, family and model. */
  readonly cpu?: string;
  /** None where the record is as of before there were ids. */
  readonly numerics?: Numerics;
  readonly graph?: string;
  /** Of the training images. */
  readonly data?: string;
}

/**
 * A whole record put together by hand, for tests of what reads records. States are named by their
 * epoch's metrics, so equal metrics have equal state hashes.
 */
export function recordOf(parts: RecordParts): RunRecord {
  const { experiment = { name: 'tiny', seed: 0 }, epochs, final } = parts;
  const head: UnsealedRecord = {
    format: 'reprise-record-2',
    experiment,
    experimentId: sha256Json(experiment),
    data: { train: sha256(parts.data ?? 'images') },
    graph: sha256(parts.graph ?? 'graph'),
    library: sha256('library'),
    fingerprint: {
      id: parts.platform ?? 'aaaaaaaaaaaa',
      device: parts.device ?? 'cpu',
      ...(parts.cpu === undefined ? {} : { cpu: parts.cpu }),
    },
    ...(parts.numerics === undefined ? {} : { numerics: parts.numerics }),
    environment: { node: 'v20.19.0' },
    epochs: [],
    finished: false,
  };
  const grown = epochs.reduce((record, values, epoch) => {
    const metrics = exactMetrics(values);
    const stateHash = sha256Json({ epoch, metrics });
    return appendEpoch(record, { epoch, step: 10 * epoch, metrics, stateHash });
  }, sealed(head));
  if (final === undefined) return sealed(grown);
  return sealed({ ...grown, final: exactMetrics(final), finished: true });
}
