import { beforeAll, expect, it } from 'vitest';
import { hostArray } from './array.ts';
import { startEngine } from './index.ts';
import { Program } from './program.ts';
import { type Tensor, tf } from './tf.ts';

beforeAll(startEngine);

/** 69 MiB, which are set in three runs, the last of them of fewer rows. */
const ROWS = 300_001;
const WIDTH = 60;
const SPEC = { dtype: 'float32', shape: [ROWS, WIDTH] } as const;

function ramp(offset: number): Float32Array {
  return Float32Array.from({ length: ROWS * WIDTH }, (_, i) => ((i + offset) % 1009) - 500);
}

function same(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const bytes = (view: ArrayBufferView) =>
    Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return bytes(a).equals(bytes(b));
}

it('is set and read as a whole, and in a step read as it was before its rows change', async () => {
  const program = new Program();
  try {
    program.state('bank', SPEC);
    program.state('left', { dtype: 'float32', shape: [2] });
    program.entry('step', {
      inputs: {
        from: { dtype: 'int32', shape: [1] },
        rows: { dtype: 'float32', shape: [2, WIDTH] },
      },
      build: (io) => {
        const [from, rows] = [io.inputs.from as Tensor, io.inputs.rows as Tensor];
        const one = tf.tensor1d([1], 'int32');
        const end = tf.add(from, tf.scalar(2, 'int32'));
        const bank = io.read('bank');
        io.apply('ResourceStridedSliceAssign', ['bank'], [from, end, one, rows]);
        const sums = tf.sum(tf.slice(bank, [7, 0], [2, WIDTH]), 1);
        io.assign('left', tf.sum(tf.slice(bank, [ROWS - 2, 0], [2, WIDTH]), 1));
        return { sums };
      },
    });
    const zero = hostArray('float32', [2], new Float32Array(2));
    for (const offset of [0, 333]) {
      const expected = ramp(offset);
      await program.writeStates([
        ['bank', hostArray('float32', [ROWS, WIDTH], ramp(offset))],
        ['left', zero],
      ]);
      expect(same((await program.readState('bank')).data, expected)).toBe(true);
      for (const from of [7, 8, ROWS - 2, 6]) {
        const rowSum = (row: number) =>
          expected.subarray(row * WIDTH, (row + 1) * WIDTH).reduce((a, b) => a + b, 0);
        const [before, left] = [[7, 8].map(rowSum), [ROWS - 2, ROWS - 1].map(rowSum)];
        const rows = Float32Array.from({ length: 2 * WIDTH }, (_, i) => from + i + offset);
        const { sums } = await program.run('step', { from: Int32Array.of(from), rows });
        expect(Array.from(sums?.data ?? [], Number)).toEqual(before);
        expect(Array.from((await program.readState('left')).data, Number)).toEqual(left);
        expected.set(rows, from * WIDTH);
        expect(same((await program.readState('bank')).data, expected)).toBe(true);
      }
    }
  } finally {
    program.dispose();
  }
});

it('refuses another shape before anything is changed', async () => {
  const program = new Program();
  try {
    program.state('bank', SPEC);
    const other = hostArray('float32', [WIDTH, ROWS], new Float32Array(ROWS * WIDTH));
    await expect(program.writeState('bank', other)).rejects.toThrow(
      "state 'bank': got float32 [60,300001], expected float32 [300001,60]",
    );
    await expect(program.readState('bank')).rejects.toThrow();
  } finally {
    program.dispose();
  }
});
