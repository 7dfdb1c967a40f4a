import type { Group } from '../../harness/cluster/group.ts';
import type { Place } from '../../harness/cluster/place.ts';
import { itemBytes } from '../../harness/engine/array.ts';
import { dtypeOf } from '../../harness/engine/native/native.ts';
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
  /** Two where it is left out, as in an experiment. */
  readonly lanes?: number;
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
    const turns = turnsFrom(process.stdin, (laps) => {
      const cpu = laps.reduce((sum, lap) => sum + lap.cpu, 0) / laps.length;
      print({ turn: { ...ofTurn(laps), cpu_ms: cpu } });
    });
    await runLaps(open, { steps, warmup: 0, turns });
    const { graph } = open.training.learner.program;
    const sent = graph.nodes.filter(
      ({ type, name }) => type === 'Send' && name.startsWith('step/'),
    );
    const processes = place?.servers.length ?? 1;
    const pieces = sent.map(({ inputs: [value] }) => {
      if (value === undefined) throw new Error('scaling: nothing is sent');
      const { shape: dims, type } = graph.meta(value);
      const known = dims.filter((n) => n >= 0);
      // Rows in another order: how many go to another process is drawn, that many in the mean.
      const rows = known.length < dims.length ? (replicas * shape.batch) / processes ** 2 : 1;
      const bytes = known.reduce((size, n) => size * n, rows * itemBytes(dtypeOf(type)));
      return { bytes, drawn: known.length < dims.length };
    });
    const total = (some: typeof pieces) => some.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      peak_rss_mb: Math.floor(process.resourceUsage().maxRSS / 1024),
      gradient_bytes: gradientBytes(open.training.learner),
      sent_bytes: total(pieces),
      row_bytes: total(pieces.filter(({ drawn }) => drawn)),
      messages: pieces.length,
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
