import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TF_TYPE } from '../harness/engine/native/native.ts';
import { TestProcesses } from '../harness/testing/processes/processes.ts';
import type { Step, Task } from './gradient_tree.child.ts';

const CHILD = fileURLToPath(new URL('gradient_tree.child.ts', import.meta.url));

/** Sum in the fixed tree, outside TensorFlow: neighbours first, one that is left over goes up as it is. */
function tree(values: readonly Float32Array[]): Float32Array {
  const [first] = values;
  if (values.length <= 1 || first === undefined) return first ?? new Float32Array();
  const next: Float32Array[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const [left, right] = [values[i], values[i + 1]];
    if (left === undefined) continue;
    next.push(right === undefined ? left : left.map((x, k) => Math.fround(x + (right[k] ?? 0))));
  }
  return tree(next);
}

/** Steps of a small MoCo on each count of processes: sums, states and the graphs that ran. */
export function holdGradients(counts: readonly number[], tasks: readonly Task[]): void {
  describe.each(counts)('a step on %i processes', (processes) => {
    let running: TestProcesses<Task, Step>;
    let alone: TestProcesses<Task, Step>;
    beforeAll(async () => {
      running = await TestProcesses.start(CHILD, processes);
      alone = await TestProcesses.start(CHILD, 1);
    });
    afterAll(() => {
      running.kill();
      alone.kill();
    });

    it.each(tasks)('with $replicas replicas in $precision', { timeout: 600_000 }, async (task) => {
      const steps = await running.ask(task);
      const [one] = await alone.ask(task);
      const all: Step['outputs'] = Object.assign({}, ...steps.map(({ outputs }) => outputs));
      const share = Math.fround(1 / task.replicas);
      const mean = (name: string) => {
        const own = Array.from({ length: task.replicas }, (_, r) => all[`rank${r}.${name}`]);
        const values = own.flatMap((value) => (value === undefined ? [] : [value]));
        expect(values.length, name).toBe(task.replicas);
        return tree(values).map((sum) => Math.fround(sum * share));
      };
      for (const { outputs, state, sums } of steps) {
        expect(state).toBe(one?.state);
        expect(outputs.loss).toEqual(mean('out.loss'));
        const gradients = Object.keys(outputs).filter((name) => name.startsWith('grad.'));
        expect(gradients.length).toBe(sums.updates);
        for (const name of gradients)
          expect(outputs[name], name).toEqual(mean(name.replace('grad.', 'local_grad.')));
        expect(sums.folded).toEqual([]);
        expect(sums.strange).toEqual([]);
        // Otherwise the lists above would be empty of themselves.
        expect(sums.adds).toBeGreaterThan(0);
        expect(sums.collectives > 0).toBe(processes > 1);
        expect(sums.narrow > 0).toBe(task.precision === 'bf16');
        // Images travel as bytes, and are normalised where they are wanted.
        expect(sums.permuted).toEqual(processes > 1 ? [TF_TYPE.uint8] : []);
      }
    });
  });
}
