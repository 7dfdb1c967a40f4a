import { expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { startEngine } from '../index.ts';
import { op1 } from '../op.ts';
import { Program } from '../program.ts';
import { inverseRoot } from './inverse_root.ts';

await startEngine();
const COUNT = 4099; // whole vectors, and some that are left over

it('has the bits of IEEE 754, value by value, on whatever CPU', async () => {
  const random = stream(0, 'test', 'inverse root');
  const x = Float32Array.from({ length: COUNT }, () => 10 ** (8 * random.uniform() - 5));
  const program = new Program();
  try {
    program.entry('roots', {
      inputs: { x: { dtype: 'float32', shape: [COUNT] } },
      build: ({ inputs }) => ({ y: inverseRoot(inputs.x ?? expect.unreachable()) }),
    });
    const { y } = await program.run('roots', { x });
    const expected = x.map((value) => 1 / Math.fround(Math.sqrt(value)));
    expect(y?.data).toEqual(expected);
  } finally {
    program.dispose();
  }
});

// The processor's estimates decide their last bit: vrsqrt14ps, vrcp14ps and their like.
it.each(['Rsqrt', 'Reciprocal'])('%s is refused on a CPU', (type) => {
  const program = new Program();
  try {
    expect(() =>
      program.entry('estimate', {
        inputs: { x: { dtype: 'float32', shape: [COUNT] } },
        build: ({ inputs }) => ({ y: op1(type, [inputs.x ?? expect.unreachable()]) }),
      }),
    ).toThrow(type);
  } finally {
    program.dispose();
  }
});
