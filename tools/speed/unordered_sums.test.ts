import { beforeAll, expect, it } from 'vitest';
import { reduceGradients } from '../../harness/cluster/reduce.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { takeLiberties } from '../../harness/engine/liberties.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { unorderedSums } from './unordered_sums.ts';

beforeAll(startEngine);

/** Means of two gradients of each own replica, as a step has them. */
function traced(replicas: number, processes: number): Program {
  const program = new Program();
  const own = replicas / processes;
  program.entry('step', {
    inputs: { x: { dtype: 'float32', shape: [own, 3] } },
    build: ({ inputs }) => {
      const rows = tf.unstack(inputs.x as Tensor);
      const gradients = rows.map((row) => [row, tf.slice(row, 0, 2)]);
      const means = reduceGradients(gradients, { replicas, processes, rank: 0 });
      return { whole: means[0] as Tensor, part: means[1] as Tensor };
    },
  });
  return program;
}

it('add what is here in one op, and what is elsewhere by one collective', async () => {
  takeLiberties({ sums: unorderedSums('ring') });
  const program = traced(4, 1);
  const x = Float32Array.from({ length: 12 }, (_, i) => i);
  const { whole, part } = await program.run('step', { x });
  expect([...(whole?.data ?? [])]).toEqual([4.5, 5.5, 6.5]);
  expect([...(part?.data ?? [])]).toEqual([4.5, 5.5]);
  const types = (one: Program) => one.graph.nodes.map(({ type }) => type);
  expect(types(program).filter((type) => type === 'AddN')).toHaveLength(2);
  expect(types(program).filter((type) => type.startsWith('AddV2'))).toEqual([]);
  const two = traced(4, 2);
  const between = types(two).filter((type) => /^(Collective|Send|Recv)/.test(type));
  expect(between).toEqual(['CollectiveReduceV2']);
  program.dispose();
  two.dispose();
});
