import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeAll, expect, it } from 'vitest';
import { floats } from '../testing/evaluate.ts';
import { startEngine } from './index.ts';
import { linear } from './ops/linear.ts';
import { Program, type ProgramOptions } from './program.ts';
import { type Scalar, type Tensor, tf } from './tf.ts';

beforeAll(startEngine);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Resident memory in MiB, after a garbage collection. */
function resident(): number {
  collect();
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]);
  return (pages * 4096) / 2 ** 20;
}

const WIDTH = 64;
const BATCH = 32;

/** A linear layer and its gradient step: feeds, fetches, state and in-place updates. */
async function layer(options: ProgramOptions = {}): Promise<Program> {
  const program = new Program(options);
  program.state('w', { dtype: 'float32', shape: [WIDTH, WIDTH] });
  program.entry('step', {
    inputs: { x: { dtype: 'float32', shape: [BATCH, WIDTH] } },
    build: (io) => {
      const loss = (w: Tensor) => tf.sum<Scalar>(tf.square(linear(io.inputs.x as Tensor, w)));
      const { value, grad } = tf.valueAndGrad(loss)(io.read('w'));
      io.apply('ResourceApplyGradientDescent', ['w'], [tf.scalar(1e-6), grad]);
      return { loss: value, grad };
    },
  });
  await program.writeState('w', floats([WIDTH, WIDTH], new Float32Array(WIDTH ** 2).fill(0.01)));
  return program;
}

const x = new Float32Array(BATCH * WIDTH).fill(0.5);

// A tensor of 16 KiB that stays behind in each run would make 156 MiB, a status alone 1 MiB.
it('10,000 steps take no memory', async () => {
  const program = await layer();
  const steps = async (count: number) => {
    for (let i = 0; i < count; i++) await program.run('step', { x });
  };
  await steps(3000);
  const before = resident();
  await steps(10_000);
  expect(resident() - before).toBeLessThan(24);
  program.dispose();
});

it('reading and writing state takes no memory', async () => {
  const program = await layer();
  const cycle = async (count: number) => {
    for (let i = 0; i < count; i++) await program.writeState('w', await program.readState('w'));
  };
  await cycle(500);
  const before = resident();
  await cycle(3000);
  expect(resident() - before).toBeLessThan(24);
  program.dispose();
});

it('runs that fail take no memory', async () => {
  const program = await layer({ debugNans: true });
  const bad = new Float32Array(BATCH * WIDTH).fill(Number.NaN);
  const fail = async (count: number) => {
    for (let i = 0; i < count; i++) {
      // Not `expect(…).rejects`: vitest keeps every one of its promises to the end of the test.
      const message = await program.run('step', { x: bad }).then(() => 'no error', String);
      if (!message.includes("input 'x' holds NaN")) throw new Error(message);
    }
  };
  await fail(200);
  const before = resident();
  await fail(4000);
  expect(resident() - before).toBeLessThan(24);
  program.dispose();
});

// A session with its optimised graph is about 1 MiB.
it('programs that are disposed take no memory', async () => {
  const cycle = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const program = await layer();
      await program.run('step', { x });
      program.dispose();
    }
  };
  await cycle(40);
  const before = resident();
  await cycle(120);
  expect(resident() - before).toBeLessThan(24);
});
