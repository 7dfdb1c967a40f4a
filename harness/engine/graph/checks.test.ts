import { beforeAll, describe, expect, it } from 'vitest';
import { fillNormal, stream } from '../../random/stream.ts';
import { floats } from '../../testing/evaluate.ts';
import { withGradient } from '../gradient.ts';
import { startEngine } from '../index.ts';
import { op1 } from '../op.ts';
import { relu } from '../ops/activation.ts';
import { conv2d } from '../ops/convolution.ts';
import { type Io, Program } from '../program.ts';
import { type Scalar, type Tensor, tf } from '../tf.ts';

beforeAll(startEngine);

const SIZE = 64 * 64;
const plain = { dtype: 'float32', shape: [64, 64] } as const;

function checked(build: (io: Io) => Tensor, debugNans = true): Program {
  const program = new Program({ debugNans });
  program.state('w', plain);
  program.entry('step', { inputs: { x: plain }, build: (io) => ({ y: build(io) }) });
  return program;
}

async function found(build: (io: Io) => Tensor, x = 1, w = 1): Promise<string> {
  const program = checked(build);
  await program.writeState('w', floats([64, 64], new Float32Array(SIZE).fill(w)));
  try {
    await program.run('step', { x: new Float32Array(SIZE).fill(x) });
  } catch (error) {
    return (error as Error).message;
  } finally {
    program.dispose();
  }
  return 'nothing';
}

/** The line of this file that calls it. */
function line(): number {
  return Number(/checks\.test\.ts:(\d+)/.exec(new Error().stack?.split('\n')[2] ?? '')?.[1]);
}

const input = (io: Io) => io.inputs.x as Tensor;

describe('debug_nans', () => {
  it('lets finite runs pass', async () => {
    expect(await found((io) => tf.add(input(io), io.read('w')))).toBe('nothing');
  });

  it('names op and line of the first value that is not finite', async () => {
    let where = 0;
    const message = await found((io) => {
      const x = relu(input(io));
      where = line();
      const bad = tf.log(tf.sub(x, 1));
      return tf.mul(tf.add(bad, 1), 0);
    });
    expect(message).toContain(
      'debug_nans: step: the first value that is not finite: Log gives -Inf',
    );
    expect(message).toContain(`checks.test.ts:${where + 1}:`);
  });

  // The late one is ready at once, the early one after a long chain.
  it.each(Array.from({ length: 10 }, (_, i) => i))(
    'takes the first in the order of the program, not of time: %i',
    async () => {
      const message = await found((io) => {
        let slow = input(io);
        for (let i = 0; i < 40; i++) slow = tf.matMul(slow as never, input(io) as never);
        const early = tf.sqrt(tf.neg(tf.abs(slow)));
        const late = tf.log(tf.neg(input(io)));
        return tf.add(late, early);
      }, 1e-2);
      expect(message).toContain('Sqrt gives NaN');
    },
  );

  it('names the op whose gradient it is, and its line', async () => {
    let where = 0;
    const message = await found(
      (io) =>
        tf.grad((x) => {
          where = line();
          const root = tf.sqrt(x);
          return tf.sum<Scalar>(tf.mul(root, 2));
        })(input(io)),
      0,
    );
    expect(message).toMatch(/gives \+?Inf/);
    expect(message).toContain('in the gradient of what was made');
    expect(message).toContain(`checks.test.ts:${where + 1}:`);
  });

  it('looks into gradients that an op brings with it', async () => {
    const bad = (x: Tensor) =>
      withGradient([x], () => ({
        value: op1('Identity', [x]),
        gradients: (dy) => [op1('Log', [tf.sub(dy, 1)])],
      }));
    const message = await found((io) => tf.grad((x) => tf.sum<Scalar>(bad(x)))(input(io)));
    expect(message).toMatch(
      /Log gives -Inf in the gradient of what was made at .*checks\.test\.ts/,
    );
  });

  it('tells bad inputs and bad state from bad ops', async () => {
    const sum = (io: Io) => tf.add(input(io), io.read('w'));
    expect(await found(sum, Number.NaN)).toBe(
      "debug_nans: step: input 'x' holds NaN before the run",
    );
    expect(await found(sum, 1, Number.POSITIVE_INFINITY)).toBe(
      "debug_nans: step: state 'w' holds +Inf before the run",
    );
  });

  it('leaves the state as it was before the run that failed', async () => {
    const program = checked((io) => {
      io.assign('w', tf.add(io.read('w'), 1));
      return tf.log(input(io));
    });
    await program.writeState('w', floats([64, 64], new Float32Array(SIZE)));
    await program.run('step', { x: new Float32Array(SIZE).fill(1) });
    await expect(program.run('step', { x: new Float32Array(SIZE) })).rejects.toThrow('Log gives');
    expect((await program.readState('w')).data[0]).toBe(1);
    program.dispose();
  });

  it('runs the graph that runs without it', async () => {
    const x = fillNormal(stream(1, 'x'), new Float32Array(SIZE), 1);
    const results = [true, false].map(async (debugNans) => {
      const program = checked((io) => {
        const images = tf.reshape(input(io), [4, 8, 8, 16]);
        const filter = tf.reshape(
          tf.slice(tf.reshape(io.read('w'), [-1]), 0, 2304),
          [3, 3, 16, 16],
        );
        const loss = (w: Tensor) =>
          tf.sum<Scalar>(tf.square(relu(conv2d(images, w, { padding: 1 }))));
        return tf.grad(loss)(filter);
      }, debugNans);
      const nodes = program.graph.nodes.map(({ name }) => name);
      await program.writeState('w', floats([64, 64], x));
      const { y } = await program.run('step', { x });
      program.dispose();
      return { nodes, y };
    });
    const [with_, without] = await Promise.all(results);
    expect(with_).toEqual(without);
  });
});
