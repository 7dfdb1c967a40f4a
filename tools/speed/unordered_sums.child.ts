import { reduceGradients } from '../../harness/cluster/reduce.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { takeLiberties } from '../../harness/engine/liberties.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { unorderedSums } from './unordered_sums.ts';

// A process that took liberties has them for good: its test starts this one.

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

await startEngine();
takeLiberties({ sums: unorderedSums('ring') });
const program = traced(4, 1);
const x = Float32Array.from({ length: 12 }, (_, i) => i);
const { whole, part } = await program.run('step', { x });
const typesOf = (one: Program) => one.graph.nodes.map(({ type }) => type);
const two = traced(4, 2);
const found = {
  whole: [...(whole?.data ?? [])].map(Number),
  part: [...(part?.data ?? [])].map(Number),
  one: typesOf(program),
  two: typesOf(two),
};
program.dispose();
two.dispose();
process.stdout.write(JSON.stringify(found));
