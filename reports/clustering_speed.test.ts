import { expect, it } from 'vitest';
import {
  type ClusteringReport,
  clusteringMarkdown,
  summariseClustering,
} from './clustering_speed.ts';

const runs = (version: string, ...seconds: number[]) =>
  seconds.map((of) => ({ version, seconds: of, iterations: 20, inertia: 123.45 }));
const report: ClusteringReport = {
  date: '2026-11-25',
  machine: { cpu: 'Some CPU', cores: 2 },
  count: 1000,
  width: 8,
  clusters: 10,
  iterations: 20,
  sides: [
    { name: 'reprise', runs: runs('1', 2, 4, 3) },
    { name: 'scikit-learn', runs: runs('2', 4, 4, 9) },
  ],
};

it('compares round by round', () => {
  const [ours, theirs] = summariseClustering(report);
  expect(ours).toMatchObject({ seconds: 3, ratio: { median: 1, low: 1, high: 1 } });
  expect(theirs).toMatchObject({ seconds: 4, ratio: { median: 2, low: 1, high: 3 } });
  const page = clusteringMarkdown(report);
  expect(page).toContain('| scikit-learn 2 |    4.00 |    20 |   123.5 |');
  expect(page).toContain('2.00 (1.00–3.00) |');
});
