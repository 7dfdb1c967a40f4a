import { beforeAll, describe, expect, it } from 'vitest';
import { floats } from '../testing/evaluate.ts';
import { startEngine } from './index.ts';
import { native } from './native/capi.ts';
import { op1 } from './op.ts';
import { rows } from './ops/indexing.ts';
import { type EntryDefinition, Program } from './program.ts';
import { type Scalar, type Tensor, tf } from './tf.ts';

beforeAll(startEngine);

const vector = { dtype: 'float32', shape: [3] } as const;

/** A program with one entry, `f`, of `x` float32 [3]. */
function program(
  build: (x: Tensor, io: Parameters<EntryDefinition['build']>[0]) => Tensor,
  inputs: EntryDefinition['inputs'] = { x: vector },
): Program {
  const made = new Program();
  made.entry('f', { inputs, build: (io) => ({ y: build(io.inputs.x as Tensor, io) }) });
  return made;
}

/** What a function throws while it is traced. */
function tracing(build: (x: Tensor) => Tensor): string {
  try {
    program(build).dispose();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

const HERE = /program\.test\.ts:\d+:\d+/;

describe('a program', () => {
  it('keeps state, reads it as it was before a run, and gives outputs by name', async () => {
    const made = new Program();
    made.state('sum', vector);
    made.entry('add', {
      inputs: { x: vector },
      build: (io) => {
        io.assign('sum', tf.add(io.read('sum'), io.inputs.x as Tensor));
        return { before: io.read('sum') };
      },
    });
    await made.writeState('sum', floats([3], [1, 2, 3]));
    const { before } = await made.run('add', { x: Float32Array.of(10, 20, 30) });
    expect([...(before?.data ?? [])]).toEqual([1, 2, 3]);
    expect([...(await made.readState('sum')).data]).toEqual([11, 22, 33]);
    made.dispose();
  });

  it('reads state as an update in the same run leaves it', async () => {
    const made = new Program();
    made.state('w', vector);
    made.state('slow', vector);
    made.entry('step', {
      inputs: { x: vector },
      build: (io) => {
        const before = io.read('w');
        io.apply('ResourceApplyGradientDescent', ['w'], [tf.scalar(1), io.inputs.x as Tensor]);
        const after = io.readAfter('w');
        io.assign('slow', tf.add(tf.mul(before, tf.scalar(100)), after));
        return { before };
      },
    });
    await made.writeState('w', floats([3], [1, 2, 3]));
    await made.writeState('slow', floats([3], [0, 0, 0]));
    for (let repeat = 0; repeat < 20; repeat++) {
      const w = [...(await made.readState('w')).data].map(Number);
      await made.run('step', { x: Float32Array.of(1, 1, 1) });
      const slow = [...(await made.readState('slow')).data];
      expect(slow).toEqual(w.map((x) => 100 * x + (x - 1)));
    }
    made.dispose();
  });

  it('refuses to read state for the first time after it was updated', () => {
    const made = new Program();
    made.state('w', vector);
    const build = (io: Parameters<EntryDefinition['build']>[0]) => {
      io.assign('w', io.inputs.x as Tensor);
      io.readAfter('w');
      return { y: io.read('w') };
    };
    expect(() => made.entry('f', { inputs: { x: vector }, build })).toThrow(/'w' is read for the/);
    made.dispose();
  });

  it('leaves what it was given and what it gave alone', async () => {
    const made = new Program();
    made.state('w', vector);
    const given = Float32Array.of(1, 2, 3);
    await made.writeState('w', floats([3], given));
    const written = await made.readState('w');
    given.fill(7);
    written.data.fill(9 as never);
    expect([...(await made.readState('w')).data]).toEqual([1, 2, 3]);
    made.dispose();
  });

  it('runs beside the event loop', async () => {
    const shape = { dtype: 'float32', shape: [1500, 1500] } as const;
    const made = program((x) => tf.matMul(tf.matMul(x as never, x as never), x as never), {
      x: shape,
    });
    let turns = 0;
    let running = true;
    const turn = () => {
      turns++;
      if (running) setImmediate(turn);
    };
    turn();
    const before = turns;
    const run = made.run('f', { x: new Float32Array(1500 * 1500).fill(1e-3) });
    await expect(made.run('f', { x: new Float32Array(1500 * 1500) })).rejects.toThrow(
      'a run is in progress',
    );
    expect(() => made.dispose()).toThrow('while a run is in progress');
    await run;
    running = false;
    expect(turns - before).toBeGreaterThan(10);
    made.dispose();
  });
});

describe('errors while tracing', () => {
  it('a value is read', () => {
    const message = 'engine: a value was read while tracing';
    expect(tracing((x) => tf.scalar(x.dataSync()[0] ?? 0))).toContain(message);
    expect(tracing((x) => (x.arraySync() === 0 ? x : tf.neg(x)))).toContain(message);
  });

  it('shapes that do not fit: op, shapes and line', () => {
    const message = tracing((x) => op1('AddV2', [x, tf.zeros([4])]));
    expect(message).toMatch(/^AddV2\(\[3\], \[4\]\) at /);
    expect(message).toMatch(HERE);
  });

  it('an op that TensorFlow does not have', () => {
    expect(tracing((x) => op1('Frobnicate', [x]))).toContain("no op 'Frobnicate'");
  });

  it('an op whose bits may differ from run to run: op and line', () => {
    const random = () =>
      op1('RandomUniform', [tf.tensor1d([3], 'int32')], { dtype: { dtype: 'float32' } });
    const message = tracing(random);
    expect(message).toMatch(/op RandomUniform is not on the list of deterministic ops for [cg]pu/);
    expect(message).toMatch(HERE);
  });

  it('a loss through an op without gradient: op and line', () => {
    const message = tracing((x) => tf.grad((v) => tf.sum<Scalar>(tf.topk(v, 1).values))(x));
    expect(message).toMatch(/^engine: TopK was made at .* has no gradient; give it one with/);
    expect(message).toMatch(HERE);
  });

  it('state of another shape or type', () => {
    const assigning = (value: (x: Tensor) => Tensor) => () => {
      const made = new Program();
      made.state('w', vector);
      const build: EntryDefinition['build'] = (io) => {
        io.assign('w', value(io.inputs.x as Tensor));
        return {};
      };
      made.entry('f', { inputs: { x: vector }, build });
    };
    expect(assigning((x) => tf.concat([x, x]))).toThrow("assign 'w': [6] does not fit [3]");
    expect(assigning((x) => tf.cast(x, 'int32'))).toThrow("assign 'w': int32 does not fit float32");
  });

  it('ops outside an entry, entries and state twice, names that are not there', () => {
    expect(() => tf.add(1, 2)).toThrow('no graph is being traced');
    const made = program((x) => x);
    expect(() => made.entry('f', { inputs: {}, build: () => ({}) })).toThrow('defined twice');
    made.state('w', vector);
    expect(() => made.state('w', vector)).toThrow('declared twice');
    const reading = {
      inputs: {},
      build: (io: { read(name: string): Tensor }) => ({ y: io.read('v') }),
    };
    expect(() => made.entry('g', reading)).toThrow("no state 'v'; there are: w");
  });
});

describe('errors while running', () => {
  it.each<[string, Record<string, never>, string]>([
    ['missing', {}, "f: input 'x' is missing; expected Float32Array of 3 for float32 [3]"],
    [
      'short',
      { x: new Float32Array(2) } as never,
      'got Float32Array of 2, expected Float32Array of 3',
    ],
    [
      'of another type',
      { x: new Int32Array(3) } as never,
      'got Int32Array of 3, expected Float32Array',
    ],
    ['unknown', { x: new Float32Array(3), z: 1 } as never, "f has no input 'z'; there are: x"],
  ])('an input is %s', async (_, inputs, message) => {
    const made = program((x) => tf.neg(x));
    await expect(made.run('f', inputs)).rejects.toThrow(message);
    made.dispose();
  });

  it('state is written with another shape or type, or read before it is written', async () => {
    const made = new Program();
    made.state('w', vector);
    await expect(made.writeState('w', floats([2], [1, 2]))).rejects.toThrow(
      "state 'w': got float32 [2], expected float32 [3]",
    );
    await expect(made.readState('w')).rejects.toThrow(/ReadVariableOp/);
    await expect(made.run('nothing')).rejects.toThrow("no entry 'nothing'");
    made.dispose();
  });

  it('a kernel fails: op and line, in the forward pass and in a gradient', async ({ skip }) => {
    skip(native().library.device === 'gpu', 'a GPU gathers zeros where an index is out of range');
    const made = program((x) => rows(x, tf.tensor1d([0, 5], 'int32')));
    const failure = made.run('f', { x: new Float32Array(3) });
    await expect(failure).rejects.toThrow(/indices\[1\] = 5 is not in \[0, 3\)/);
    await expect(failure).rejects.toThrow(/GatherV2 was made at .*program\.test\.ts:\d+/);
    made.dispose();
  });

  it('an op has no kernel for its type: op and line', async () => {
    const made = program((x) => {
      const narrow = op1('Cast', [x], { DstT: { dtype: 'bfloat16' } });
      return op1('Rint', [narrow]);
    });
    const failure = made.run('f', { x: new Float32Array(3) });
    await expect(failure).rejects.toThrow(/No OpKernel was registered to support Op 'Rint'/);
    await expect(failure).rejects.toThrow(/Rint was made at .*program\.test\.ts:\d+/);
    made.dispose();
  });
});
