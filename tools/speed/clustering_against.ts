import { resolve } from 'node:path';
import { inTemporaryFolder, writeAtomic } from '../../harness/base/index.ts';
import {
  type ClusteringReport,
  type ClusteringRun,
  clusteringMarkdown,
  clusteringReport,
  clusteringRun,
} from '../../reports/clustering_speed.ts';
import { root } from '../command/root.ts';
import { type ClusteringShape, clusteringFiles, writePoints } from './clustering.ts';
import { processor, today } from './machine.ts';
import { startTimed } from './timed_process.ts';

export interface ClusteringOptions extends ClusteringShape {
  /** Python with the libraries. */
  readonly python: string;
  /** Of sklearn and faiss. */
  readonly against: readonly string[];
  /** Runs of each side. */
  readonly rounds: number;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/** Times k-means against other libraries, and writes the report. */
export async function clusteringAgainst(
  options: ClusteringOptions,
): Promise<{ readonly report: ClusteringReport; readonly page: string }> {
  const { count, width, clusters, iterations, date, out } = options;
  return inTemporaryFolder('clustering-', async (folder) => {
    await writePoints(clusteringFiles(folder), options);
    const report = clusteringReport.parse({
      date: date ?? today(),
      machine: processor(),
      count,
      width,
      clusters,
      iterations,
      sides: await runInTurn(sidesOf(folder, options), options.rounds),
    });
    const page = clusteringMarkdown(report);
    const text = `${JSON.stringify(report, null, 2)}\n`;
    await writeAtomic(resolve(out, 'clustering_speed.json'), text);
    await writeAtomic(resolve(out, 'clustering_speed.md'), page);
    return { report, page };
  });
}

interface Side {
  readonly name: string;
  readonly command: readonly string[];
  readonly runs: ClusteringRun[];
}

function sidesOf(folder: string, options: ClusteringOptions): Side[] {
  const { python, against, width, clusters, iterations } = options;
  const { points, init } = clusteringFiles(folder);
  const sizes = ['--width', width, '--iterations', iterations].map(String);
  const own = ['--json', '--side', folder, ...sizes, '--clusters', String(clusters)];
  const script = resolve(root, 'tools/torch/bench_clustering.py');
  const libraries = against.length > 0 ? against : ['sklearn'];
  return [
    {
      name: 'reprise',
      command: [process.execPath, resolve(root, 'scripts/bench_clustering.mjs'), ...own],
      runs: [],
    },
    ...libraries.map((name) => ({
      name,
      command: [python, script, name, points, init, ...sizes],
      runs: [],
    })),
  ];
}

async function runInTurn(sides: readonly Side[], rounds: number) {
  for (let round = 0; round < rounds; round++)
    for (const { command, runs } of sides)
      runs.push(clusteringRun.parse(await startTimed(command).result()));
  return sides.map(({ name, runs }) => ({ name, runs }));
}
