import { UserError } from '../../base/errors.ts';
import { type HostArray, hostArray, sizeOf, zeros } from '../array.ts';
import { type Output, onCpu, type Pointer } from '../native/capi.ts';
import type { Call } from '../session.ts';
import type { Graph } from './graph.ts';
import type { TensorSpec, Variable } from './tracing.ts';

/** Bytes of state set in one run. */
const WRITE_BYTES = 1 << 25;

interface Whole {
  readonly value: Output;
  readonly oper: Pointer;
}

interface Rows extends Whole {
  readonly begin: Output;
  readonly end: Output;
  /**
   * Makes the variable, full of `zero`. That is fed, as a constant would stay in memory beside it.
   */
  readonly create: Pointer;
  readonly zero: Output;
  /** Lets reads of the variable share its memory again. */
  readonly share: Pointer;
}

/**
 * Sets state tensors. Small ones are set together, large ones some rows at a time, into the variable that is
 * there: TensorFlow's allocator never gives memory back, so a second copy would stay for good.
 */
export class StateWriter {
  private readonly graph: Graph;
  private readonly run: (one: Call) => Promise<unknown>;
  private readonly wholes = new Map<string, Whole>();
  private readonly byRows = new Map<string, Rows>();
  private readonly created = new Set<string>();

  constructor(graph: Graph, run: (one: Call) => Promise<unknown>) {
    this.graph = graph;
    this.run = run;
  }

  /** @throws UserError when dtype or shape differ from the declaration. */
  async write(
    values: Iterable<readonly [string, HostArray]>,
    variable: (name: string) => Variable,
  ): Promise<void> {
    let piece: (readonly [string, HostArray])[] = [];
    let bytes = 0;
    for (const one of values) {
      const [name, value] = one;
      checkFits(name, value, variable(name).spec);
      if (isLarge(value)) {
        await this.writeRows(name, variable(name), value);
        continue;
      }
      piece.push(one);
      bytes += value.data.byteLength;
      if (bytes < WRITE_BYTES) continue;
      await this.writePiece(piece, variable);
      piece = [];
      bytes = 0;
    }
    if (piece.length > 0) await this.writePiece(piece, variable);
  }

  private async writePiece(
    list: readonly (readonly [string, HostArray])[],
    variable: (name: string) => Variable,
  ): Promise<void> {
    // Nodes remember the stack they were made on, and a stack holds the arrays that its frames walk
    // over: writers made inside the map below would keep the values of all state alive.
    for (const [name] of list) this.whole(name, variable(name));
    const writers = list.map(([name]) => this.whole(name, variable(name)));
    const feeds = writers.map(({ value: output }, i) => ({ output, value: valueAt(list, i) }));
    await this.run({ feeds, fetches: [], targets: writers.map(({ oper }) => oper) });
  }

  private whole(name: string, { spec, handle }: Variable): Whole {
    const known = this.wholes.get(name);
    if (known !== undefined) return known;
    const value = this.graph.placeholder(spec.dtype, spec.shape);
    const { oper } = this.graph.add('AssignVariableOp', [handle, value], {});
    const made = { value, oper };
    this.wholes.set(name, made);
    return made;
  }

  private async writeRows(name: string, variable: Variable, value: HostArray): Promise<void> {
    const { create, zero, share, begin, end, value: output, oper } = this.rows(name, variable);
    if (!this.created.has(name)) {
      const feeds = [{ output: zero, value: zeros(value.dtype, []) }];
      await this.run({ feeds, fetches: [], targets: [create] });
      this.created.add(name);
    }
    const [count = 0, ...rest] = value.shape;
    const size = sizeOf(rest);
    const step = rowsAtATime(value);
    for (let from = 0; from < count; from += step) {
      const to = Math.min(count, from + step);
      const { dtype, data } = value;
      const rows = {
        dtype,
        shape: [to - from, ...rest],
        data: data.subarray(from * size, to * size),
      };
      const feeds = [
        { output: begin, value: hostArray('int32', [1], Int32Array.of(from)) },
        { output: end, value: hostArray('int32', [1], Int32Array.of(to)) },
        { output, value: rows },
      ];
      await this.run({ feeds, fetches: [], targets: [oper] });
    }
    await this.run({ feeds: [], fetches: [], targets: [share] });
  }

  private rows(name: string, { spec, handle }: Variable): Rows {
    const known = this.byRows.get(name);
    if (known !== undefined) return known;
    const { graph } = this;
    const [begin, end] = [graph.placeholder('int32', [1]), graph.placeholder('int32', [1])];
    const value = graph.placeholder(spec.dtype, [-1, ...spec.shape.slice(1)]);
    const stride = graph.constant(hostArray('int32', [1], Int32Array.of(1)));
    const shape = hostArray('int32', [spec.shape.length], Int32Array.from(spec.shape));
    const dims = graph.constant(shape);
    const zero = graph.placeholder(spec.dtype, []);
    const full = { oper: graph.add('Fill', [dims, zero], {}).oper, index: 0 };
    const target = [handle, begin, end, stride, value];
    const made = {
      begin,
      end,
      value,
      zero,
      oper: graph.add('ResourceStridedSliceAssign', target, {}).oper,
      create: graph.add('AssignVariableOp', [handle, full], {}).oper,
      share: graph.add('DisableCopyOnRead', [handle], {}).oper,
    };
    this.byRows.set(name, made);
    return made;
  }
}

/**
 * Whether an array is set in several runs. On a GPU none is, as the kernels that change rows are
 * not there for all types.
 */
function isLarge({ shape, data }: HostArray): boolean {
  const [rows = 1] = shape;
  return onCpu() && rows > 1 && data.byteLength >= 2 * WRITE_BYTES;
}

function rowsAtATime({ shape, data }: HostArray): number {
  const [rows = 1] = shape;
  return Math.max(1, Math.floor((WRITE_BYTES * rows) / data.byteLength));
}

function checkFits(name: string, value: HostArray, spec: TensorSpec): void {
  if (value.dtype !== spec.dtype || String(value.shape) !== String(spec.shape))
    throw new UserError(
      `state '${name}': got ${value.dtype} [${value.shape}], expected ${spec.dtype} [${spec.shape}]`,
    );
}

function valueAt(list: readonly (readonly [string, HostArray])[], i: number): HostArray {
  const found = list[i];
  if (found === undefined) throw new Error(`engine: no value ${i}`);
  return found[1];
}
