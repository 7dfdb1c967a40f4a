import { metricsOf } from './entries.ts';
import type { RunRecord } from './record.ts';

/** What a run came to, in a few lines for people: where the curves began and ended. */
export function summaryLines(record: RunRecord): string[] {
  const { experiment, experimentId, epochs, final, finished } = record;
  const done = epochs.at(-1)?.epoch ?? 0;
  const state = finished ? 'finished' : 'not finished';
  const rows = [
    ['experiment', `${experiment.name}, id ${experimentId.slice(0, 12)}, ${state}, ${done} epochs`],
    ...curves(record),
    ...Object.entries(metricsOf(final ?? {})).map(([name, value]) => [
      name,
      `${value.toFixed(2)} after the last epoch`,
    ]),
    ['state', `${epochs.at(-1)?.stateHash ?? 'none'} (SHA-256)`],
  ];
  const width = Math.max(10, ...rows.map(([left = '']) => left.length)) + 2;
  return rows.map(([left = '', right = '']) => `${left.padEnd(width)}${right}`);
}

/** One line a metric: with a value of epoch 0 (random weights), all epochs; else first and last. */
function curves({ epochs }: RunRecord): string[][] {
  const rows = epochs.map(({ epoch, metrics }) => ({ epoch, metrics: metricsOf(metrics) }));
  const names = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))].sort();
  const ordered = [...names.filter((n) => n === 'loss'), ...names.filter((n) => n !== 'loss')];
  return ordered.map((name) => {
    const points = rows.flatMap(({ epoch, metrics }) => {
      const value = metrics[name];
      return value === undefined ? [] : [{ epoch, value }];
    });
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) return [name, ''];
    if (first.epoch > 0)
      return [
        name,
        `${first.value.toFixed(4)} in epoch ${first.epoch}, ${last.value.toFixed(4)} in epoch ${last.epoch}`,
      ];
    const trained = points.slice(1).map(({ value }) => value.toFixed(2));
    const gain = `${last.value >= first.value ? '+' : ''}${(last.value - first.value).toFixed(2)}`;
    return [name, `random weights ${first.value.toFixed(2)}, then ${trained.join(' ')} (${gain})`];
  });
}
