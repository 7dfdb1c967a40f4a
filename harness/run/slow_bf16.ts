import { clock } from '../base/index.ts';
import { hostArray } from '../engine/array.ts';
import { onCpu } from '../engine/native/capi.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { conv2d } from '../engine/ops/convolution.ts';
import { type Precision, toFloat, withPrecision } from '../engine/precision.ts';
import { Program } from '../engine/program.ts';
import { type Scalar, type Tensor, tf } from '../engine/tf.ts';

/** Rounds that are timed, after one that is not. */
const ROUNDS = 5;

/** Seconds of each round. */
export interface Bf16Times {
  readonly fp32: readonly number[];
  readonly bf16: readonly number[];
}

/**
 * A warning for a run in bf16 on a CPU whose bf16 is slower than its fp32, with how much, measured in some hundred
 * milliseconds; nothing elsewhere. For people alone: a time is never part of a result. Call it once the run is open.
 */
export async function slowBf16(precision: Precision): Promise<string | undefined> {
  if (precision !== 'bf16' || !onCpu()) return undefined;
  const limit = process.env.ONEDNN_MAX_CPU_ISA;
  if (hasFastBf16(fingerprint().features, limit)) return undefined;
  return slowBf16Text(await bf16Times(), limit);
}

/** Whether a CPU has instructions for bf16, and a limit on instruction sets leaves them. */
export function hasFastBf16(features: readonly string[], limit: string | undefined): boolean {
  const left =
    limit === undefined || /^(DEFAULT|AVX512_CORE_(BF16|FP16|AMX.*)|AVX10.*)$/i.test(limit);
  return left && ['avx512_bf16', 'amx_bf16'].some((name) => features.includes(name));
}

/** @returns nothing where bf16 is as fast */
export function slowBf16Text({ fp32, bf16 }: Bf16Times, limit?: string): string | undefined {
  const ratio = quickest(bf16) / quickest(fp32);
  if (!(ratio > 1)) return undefined;
  const why =
    limit === undefined
      ? 'this CPU has no instructions for it (avx512_bf16, amx_bf16)'
      : `ONEDNN_MAX_CPU_ISA=${limit} leaves no instructions for it`;
  return (
    `precision: bf16 takes ${ratio.toFixed(2)} times as long as fp32 here (two convolutions and their gradients, ` +
    `timed in turns): ${why}; fp32 is faster, and needs more memory`
  );
}

/** What else a machine does only adds time. */
function quickest(seconds: readonly number[]): number {
  return Math.min(...seconds);
}

/** Times two 3x3 convolutions of a ResNet and their gradients in both precisions, in turns. */
export async function bf16Times(rounds = ROUNDS): Promise<Bf16Times> {
  const shape = { dtype: 'float32', shape: [2, 56, 56, 64] } as const;
  const values = new Float32Array(2 * 56 * 56 * 64).fill(1 / 64);
  const program = new Program();
  try {
    for (const name of ['w1', 'w2'])
      program.state(name, { dtype: 'float32', shape: [3, 3, 64, 64] });
    for (const precision of ['fp32', 'bf16'] as const)
      program.entry(precision, {
        inputs: { x: shape },
        build: (io) =>
          withPrecision(precision, () => ({
            y: slopes(io.inputs.x as Tensor, io.read('w1'), io.read('w2')),
          })),
      });
    const filter = hostArray('float32', [3, 3, 64, 64], new Float32Array(9 * 64 * 64).fill(1 / 64));
    await program.writeStates([
      ['w1', filter],
      ['w2', filter],
    ]);
    const times = { fp32: [] as number[], bf16: [] as number[] };
    for (let round = 0; round <= rounds; round++)
      for (const precision of ['fp32', 'bf16'] as const) {
        const start = clock.seconds();
        await program.run(precision, { x: values });
        if (round > 0) times[precision].push(clock.seconds() - start);
      }
    return times;
  } finally {
    program.dispose();
  }
}

/** One number that needs the gradients of both filters. */
function slopes(x: Tensor, first: Tensor, second: Tensor): Tensor {
  const layer = { padding: 1 };
  const loss = (a: Tensor, b: Tensor) =>
    tf.sum<Scalar>(tf.mul(conv2d(conv2d(x, a, layer), b, layer), x));
  const [a, b] = tf.grads(loss)([first, second]);
  return tf.add(tf.sum(toFloat(a as Tensor)), tf.sum(toFloat(b as Tensor)));
}
