import { sha256 } from '../base/index.ts';
import { serve } from '../testing/processes/serve.ts';
import { definition, type Plan, type Taken, taken, withLearner } from './loss_scale.fixture.ts';

export interface Task {
  readonly replicas: number;
  readonly accumulate: number;
  readonly plan: Plan;
}

export interface Found {
  readonly steps: readonly Taken[];
  /** SHA-256 of the state at the end. */
  readonly state: string;
}

await serve<Task, Found>(async ({ replicas, accumulate, plan }, { rank, servers }, server) => {
  const layout = { replicas, processes: servers.length, rank };
  const options = server === undefined ? {} : { server, layout };
  return withLearner(
    definition(replicas, accumulate),
    async (learner) => {
      const steps = await taken(learner, plan, { layout });
      const values = [...(await learner.save())].map(([name, { data }]) => [name, ...data].join());
      return { steps, state: sha256(values.join('\n')) };
    },
    options,
  );
});
