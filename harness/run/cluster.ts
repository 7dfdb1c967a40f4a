import { unlessStopped } from '../base/breath.ts';
import type { Group } from '../cluster/group.ts';
import { type JoinOptions, joinGroup } from '../cluster/join_group.ts';
import { checkProcesses, type Layout } from '../cluster/layout.ts';
import { openServers } from '../cluster/open_servers.ts';
import type { Place } from '../cluster/place.ts';
import { useArithmetic } from '../engine/arithmetic.ts';
import { startEngine } from '../engine/index.ts';
import type { Server } from '../engine/server.ts';
import { type Experiment, experimentId } from '../experiment/index.ts';
import { platformId } from '../record/numerics.ts';
import type { Provenance } from '../record/provenance.ts';

/** One process of a run of several. */
export interface Cluster {
  readonly layout: Layout;
  readonly server: Server;
  readonly group: Group;
}

export interface ClusterOptions extends JoinOptions {
  /** As of `TrainingSetup`: TensorFlow's server computes with them. */
  readonly threads?: number | undefined;
}

/**
 * Takes this process's place among those of a run: all have found each other then, are to run the same experiment,
 * and have their servers connected. A signal that comes before ends it at once, and the others hear of it.
 * @throws UserError on every process, of what keeps one of them from it
 */
export async function joinCluster(
  experiment: Experiment,
  place: Place,
  { threads = 0, ...options }: ClusterOptions,
): Promise<Cluster> {
  const { rank, servers } = place;
  const processes = servers.length;
  const { replicas } = experiment;
  checkProcesses(replicas, processes);
  const group = await joinGroup(place, options);
  const { signal } = options;
  const connected = async () => {
    await group.compare({ experiment: experimentId(experiment) });
    useArithmetic(experiment);
    await startEngine();
    return openServers(place, group, threads);
  };
  try {
    const server = await unlessStopped(signal, connected());
    return { layout: { replicas, processes, rank }, server, group };
  } catch (cause) {
    if (signal?.aborted && cause === signal.reason)
      await group.fail('it was told to stop before all processes were connected');
    throw cause;
  }
}

/** What has to be the same on all processes before the first step. */
export function factsOf(experiment: Experiment, provenance: Provenance): Record<string, string> {
  const { data, graph, library } = provenance;
  const { train, repaired: _, ...judged } = data;
  return {
    'libtensorflow (SHA-256)': library,
    'numerics (platform id)': platformId({ experiment, ...provenance }),
    'code graph (SHA-256)': graph,
    'data.train (SHA-256)': String(train),
    ...Object.fromEntries(
      Object.entries(judged)
        .filter(([use]) => use.startsWith('evaluation.'))
        .map(([use, hash]) => [`${use} (SHA-256)`, String(hash)]),
    ),
  };
}
