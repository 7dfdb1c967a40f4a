import { join } from 'node:path';
import { benchmarks } from '../benchmarks/index.ts';
import { methodsOf } from '../harness/benchmark/registry.ts';
import type { Place } from '../harness/cluster/place.ts';
import { placeInEnvironment } from '../harness/cluster/place_variable.ts';
import { startEngine } from '../harness/engine/index.ts';
import { type Experiment, parseExperiment } from '../harness/experiment/index.ts';
import { type Cluster, joinCluster } from '../harness/run/cluster.ts';
import { follow } from '../harness/run/follow.ts';
import { train } from '../harness/run/trainer.ts';
import { methods as ownMethods } from '../methods/index.ts';

/** What the processes of a test do together: they train one experiment after another. One JSON argument. */
export interface Task {
  readonly experiments: readonly object[];
  /** Each experiment gets a work directory in it, by its place in the list. */
  readonly folder: string;
  readonly stopAfterEpoch?: number;
  readonly sequential?: boolean;
}

const methods = { ...ownMethods, ...methodsOf(benchmarks) };

/** Of each experiment the record's chain over epochs: every metric and every state, bit by bit. */
export type Chains = readonly string[];

async function run({ experiments, folder, stopAfterEpoch, sequential }: Task): Promise<Chains> {
  const parsed = experiments.map((one) => parseExperiment(one, methods));
  const place = placeInEnvironment(process.env);
  const first = parsed[0];
  if (first === undefined) throw new Error('processes: no experiment');
  const joined = place === undefined ? undefined : await joinedFor(first, place);
  if (joined === undefined) await startEngine();
  const chains: string[] = [];
  for (const [i, experiment] of parsed.entries()) {
    const options = { experiment, methods, data: '.', sequential };
    const cluster = joined === undefined ? undefined : withReplicas(joined, experiment);
    if (cluster !== undefined && cluster.layout.rank > 0) {
      await follow({ ...options, cluster });
      continue;
    }
    const workDir = join(folder, String(i));
    const setup = { ...options, workDir, stopAfterEpoch, resumeFrom: 'auto', cluster };
    const { record } = await train(setup);
    chains.push(record.epochs.at(-1)?.chain ?? '');
  }
  if (joined?.layout.rank === 0) await joined.group.end(0);
  else await joined?.group.ended;
  return chains;
}

function joinedFor(experiment: Experiment, place: Place): Promise<Cluster> {
  return joinCluster(experiment, place, {
    threads: 1,
    onFailure: ({ why }) => {
      process.stderr.write(`${why}\n`);
      process.exit(75);
    },
  });
}

function withReplicas(cluster: Cluster, { replicas }: Experiment): Cluster {
  return { ...cluster, layout: { ...cluster.layout, replicas } };
}

const chains = await run(JSON.parse(process.argv[2] ?? ''));
process.stdout.write(`${JSON.stringify(chains)}\n`, () => process.exit(0));
