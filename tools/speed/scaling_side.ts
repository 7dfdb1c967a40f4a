import type { Group } from '../../harness/cluster/group.ts';
import type { Place } from '../../harness/cluster/place.ts';
import type { Experiment } from '../../harness/experiment/index.ts';
import { joinCluster } from '../../harness/run/cluster.ts';
import { trainableNames } from '../../harness/step/definition.ts';
import type { Learner } from '../../harness/step/learner.ts';
import { ofTurn } from './lap.ts';
import { openStep } from './open_step.ts';
import { runLaps } from './run_laps.ts';
import type { Shape } from './shape.ts';
import { timedStepNamed } from './timed_steps.ts';
import { turnsFrom } from './turns.ts';

export interface ScalingShape {
  readonly method: string;
  readonly depth: number;
  readonly size: number;
  /** Images of a replica. */
  readonly batch: number;
  readonly replicas: number;
  readonly precision: string;
}

/** What one process of a timed step is told. */
export interface ScalingPlace extends ScalingShape {
  readonly steps: number;
  /** Cores that this process computes on. */
  readonly cores: number;
  readonly place?: Place;
}

/**
 * One process that takes steps when it is told to, alone or together with others.
 * @param print is told of each turn
 */
export async function scalingSide(
  { place, steps, replicas, cores, ...shape }: ScalingPlace,
  print: (result: object) => void,
): Promise<object> {
  const whole = { ...FIXED, ...shape, threads: cores } as Shape;
  let group: Group | undefined;
  const join = async (experiment: Experiment, at: Place) => {
    const cluster = await joinCluster(experiment, at, { onFailure, threads: cores });
    ({ group } = cluster);
    return cluster;
  };
  const open = await openStep(await timedStepNamed(shape.method), whole, {
    steps,
    replicas,
    join: place && ((experiment) => join(experiment, place)),
  });
  try {
    const turns = turnsFrom(process.stdin, (laps) => print({ turn: ofTurn(laps) }));
    await runLaps(open, { steps, warmup: 0, turns });
    const { graph } = open.training.learner.program;
    const sent = graph.nodes.filter(
      ({ type, name }) => type === 'Send' && name.startsWith('step/'),
    );
    const bytes = sent.map(({ inputs: [value] }) => {
      if (value === undefined) throw new Error('scaling: nothing is sent');
      return 4 * graph.meta(value).shape.reduce((size, n) => size * n, 1);
    });
    return {
      peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
      gradient_bytes: gradientBytes(open.training.learner),
      sent_bytes: bytes.reduce((sum, n) => sum + n, 0),
      messages: bytes.length,
    };
  } finally {
    if (group?.rank === 0) await group.end(0);
    else await group?.ended;
    await open.training.dispose();
  }
}

function gradientBytes({ definition, program }: Learner): number {
  const specs = program.stateSpecs();
  const sizes = trainableNames(definition.model).map((name) =>
    (specs.get(name)?.shape ?? []).reduce((size, n) => size * n, 4),
  );
  return sizes.reduce((sum, n) => sum + n, 0);
}

const FIXED = { queue: 65536, inter: 0, lanes: 2 };

function onFailure(failure: object): void {
  process.stderr.write(`${JSON.stringify(failure)}\n`);
  process.exit(1);
}
