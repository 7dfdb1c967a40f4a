import { markdownTable } from 'markdown-table';
import type { Entry } from '../../reports/entries.ts';
import { isEarlier, type Standing } from '../../reports/standing.ts';
import type { Remake } from './plan.ts';

/** A record that would be made again, or of which nothing can be told. */
export interface PlanRow {
  readonly key: string;
  readonly why: string;
}

/**
 * What would be run. Benchmarks on the weights of a training are listed where they are no results of today's code;
 * others follow only if the training gives other weights.
 */
export function planRows(plan: {
  readonly standings: ReadonlyMap<string, Standing>;
  readonly remakes: readonly Remake[];
}): PlanRow[] {
  const { standings, remakes } = plan;
  const stale = ({ key }: Entry) => isEarlier(standings.get(key));
  const planned = remakes.flatMap(({ training, benchmarks }) => [
    ...(training === undefined ? [] : [training]),
    ...benchmarks.filter(stale),
  ]);
  const unknown = [...standings].flatMap(([key, standing]) =>
    standing.kind === 'unknown' ? [{ key, why: `cannot be told: ${standing.why}` }] : [],
  );
  return [...planned.map(({ key }) => ({ key, why: whyOf(standings.get(key)) })), ...unknown];
}

function whyOf(standing: Standing | undefined): string {
  return standing === undefined || standing.kind === 'today'
    ? 'its weights are needed, or not among the records'
    : standing.kind;
}

export function planText(rows: readonly PlanRow[]): string {
  if (rows.length === 0) return 'every record is a result of today’s code: nothing to make again';
  return markdownTable([['record', 'why'], ...rows.map(({ key, why }) => [key, why])]);
}
