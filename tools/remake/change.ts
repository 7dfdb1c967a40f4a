import { markdownTable } from 'markdown-table';
import { metricsOf } from '../../harness/record/entries.ts';
import type { RunRecord } from '../../harness/record/record.ts';
import { mainResult } from '../../reports/benchmark_rows.ts';
import { type Entry, isTraining } from '../../reports/entries.ts';

/** What making a record again came to. */
export interface RecordChange {
  readonly key: string;
  /** Whether every state hash is what it was. */
  readonly sameStates: boolean;
  /** Metrics that both records have, and that have other bits in one epoch or more. */
  readonly otherMetrics: readonly string[];
  /** Percent by name, before and after: k-NN and linear probe of a training, the main number of a benchmark. */
  readonly results: readonly {
    readonly name: string;
    readonly before: number | undefined;
    readonly after: number | undefined;
  }[];
}

export function changeOf(before: Entry, after: Entry): RecordChange {
  const [old, now] = [resultsOf(before), resultsOf(after)];
  const states = ({ epochs }: RunRecord) => epochs.map(({ stateHash }) => stateHash).join();
  return {
    key: before.key,
    sameStates: states(before.record) === states(after.record),
    otherMetrics: otherMetrics(before.record, after.record),
    results: [...now].map(([name, value]) => ({ name, before: old.get(name), after: value })),
  };
}

function otherMetrics(before: RunRecord, after: RunRecord): string[] {
  const ends = (record: RunRecord) => [
    ...record.epochs.map(({ metrics }) => metrics),
    record.final ?? {},
  ];
  const old = ends(before);
  const others = ends(after).flatMap((metrics, i) =>
    Object.entries(metrics).flatMap(([name, { bits }]) => {
      const known = old[i]?.[name];
      return known === undefined || known.bits === bits ? [] : [name];
    }),
  );
  return [...new Set(others)].sort();
}

function resultsOf(entry: Entry): ReadonlyMap<string, number | undefined> {
  if (!isTraining(entry)) return new Map([['result', mainResult(entry)]]);
  const { epochs, final } = entry.record;
  const knn = epochs.flatMap(({ metrics }) => metricsOf(metrics).knn_top1 ?? []).at(-1);
  return new Map([
    ['k-NN', knn],
    ['linear', metricsOf(final ?? {}).linear_top1],
  ]);
}

/** A row a number. */
export function changesText(changes: readonly RecordChange[]): string {
  if (changes.length === 0)
    return 'every record is a result of today’s code: nothing to make again';
  const rows = changes.flatMap((change) =>
    change.results.map(({ name, before, after }) => [
      change.key,
      ...[name, before?.toFixed(2) ?? '–', after?.toFixed(2) ?? '–'],
      bitsText(change),
    ]),
  );
  return markdownTable([['record', 'percent', 'before', 'now', 'bits'], ...rows]);
}

function bitsText({ sameStates, otherMetrics: others }: RecordChange): string {
  if (!sameStates) return 'other states';
  return others.length === 0 ? 'all the same' : `same states, others of ${others.join(', ')}`;
}
