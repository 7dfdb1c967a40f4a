import { type HostArray, hostArray } from '../engine/array.ts';
import { op1 } from '../engine/op.ts';
import { Program } from '../engine/program.ts';
import { tf } from '../engine/tf.ts';

export interface ScreenShape {
  /** References of a bank. */
  readonly rows: number;
  readonly width: number;
  /** Queries of a run. */
  readonly queries: number;
  /** Banks that lie on the engine together. */
  readonly banks: number;
  /** Whether references have a bias. */
  readonly biased: boolean;
  readonly threads: number;
}

/** Scores of queries with references by float32 products on the engine. */
export class Screen {
  private readonly program: Program;
  private readonly shape: ScreenShape;
  private running: Promise<unknown> = Promise.resolve();

  constructor(shape: ScreenShape) {
    const { rows, width, queries, banks, biased, threads } = shape;
    this.shape = shape;
    this.program = new Program({ intraThreads: threads });
    for (let bank = 0; bank < banks; bank++) {
      this.program.state(`bank${bank}`, { dtype: 'float32', shape: [rows, width] });
      if (biased) this.program.state(`bias${bank}`, { dtype: 'float32', shape: [rows] });
      this.program.entry(`screen${bank}`, {
        inputs: { queries: { dtype: 'float32', shape: [queries, width] } },
        build: (io) => {
          if (io.inputs.queries === undefined) throw new Error('k-NN: no queries');
          const operands = [io.inputs.queries, io.read(`bank${bank}`)];
          const products = op1('MatMul', operands, { transpose_b: true });
          return { scores: biased ? tf.add(products, io.read(`bias${bank}`)) : products };
        },
      });
    }
  }

  /** Takes references into a bank; what is left of it is filled up with zeros. */
  async fill(bank: number, part: Float32Array, bias: Float32Array | undefined): Promise<void> {
    const { rows, width } = this.shape;
    await this.program.writeState(`bank${bank}`, filled([rows, width], part));
    if (bias !== undefined) await this.program.writeState(`bias${bank}`, filled([rows], bias));
  }

  /** float32 [queries, rows] of a bank; rows of queries that are missing are filled up. */
  async scores(
    bank: number,
    part: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const queries = filled([this.shape.queries, this.shape.width], part).data;
    const run = this.program.runUnlessStopped(signal, `screen${bank}`, { queries });
    this.running = run;
    const { scores } = await run;
    if (!(scores?.data instanceof Float32Array)) throw new Error('k-NN: float32 expected');
    return scores.data;
  }

  /** Frees the engine's memory once nothing runs there. */
  async close(): Promise<void> {
    await this.running.catch(() => undefined);
    this.program.dispose();
  }
}

function filled(shape: readonly number[], part: Float32Array): HostArray {
  const size = shape.reduce((a, b) => a * b, 1);
  if (part.length === size) return hostArray('float32', shape, part);
  const data = new Float32Array(size);
  data.set(part);
  return hostArray('float32', shape, data);
}
