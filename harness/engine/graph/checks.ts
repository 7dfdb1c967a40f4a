import { UserError } from '../../base/errors.ts';
import type { HostArray } from '../array.ts';
import type { Output, Pointer } from '../native/capi.ts';
import { EngineError, TF_TYPE } from '../native/native.ts';
import type { Session } from '../session.ts';
import type { Graph, Node } from './graph.ts';
import { at } from './origin.ts';

interface Watched {
  /** What holds the value, where no op made it. */
  readonly source: string | undefined;
  readonly node: Node | undefined;
}

const FLOATS: ReadonlySet<number> = new Set([
  TF_TYPE.float32,
  TF_TYPE.float64,
  TF_TYPE.bfloat16,
  TF_TYPE.float16,
]);
/** Outputs behind the third are a kernel's notes to its gradient, and may hold anything. */
const VALUES = 3;

/**
 * Looks at every float of a trace. Each check waits for the one before it, so that what is found first
 * comes first in the program, however the executor orders its work.
 */
export class Checks {
  private readonly watched: Watched[] = [];
  private readonly graph: Graph;
  private readonly entry: string;
  private last: Pointer | undefined;
  private collective = false;
  private ends: readonly Pointer[] = [];

  constructor(graph: Graph, entry: string) {
    this.graph = graph;
    this.entry = entry;
  }

  /** @param source what the value is, where no op made it */
  watch(output: Output, type: number, source?: string): void {
    if (!FLOATS.has(type) || output.index >= VALUES) return;
    const node = this.graph.maker(output);
    const message = `${MARK}${this.watched.length}`;
    const before = this.last === undefined ? [] : [this.last];
    this.last = this.graph.add('CheckNumericsV2', [output], { message }, before).oper;
    this.watched.push({ source, node });
  }

  /**
   * What else belongs to the trace.
   * @param collective whether it holds what processes do together
   * @param ends ops that its run has to reach besides
   */
  end(collective: boolean, ends: readonly Pointer[]): void {
    this.collective = collective;
    this.ends = ends;
  }

  /** @throws UserError that names the first value that is not finite, its op and line. */
  async run(
    session: Session,
    feeds: readonly { readonly output: Output; readonly value: HostArray }[],
  ): Promise<void> {
    if (this.last === undefined) return;
    try {
      const { collective, ends, last } = this;
      await session.run({ feeds, fetches: [], targets: [last, ...ends], collective });
    } catch (error) {
      throw this.explained(error);
    }
  }

  private explained(error: unknown): unknown {
    if (!(error instanceof EngineError)) return error;
    const found = PATTERN.exec(error.message);
    const watched = this.watched[Number(found?.[1] ?? -1)];
    if (watched === undefined) return error;
    const { source, node } = watched;
    const value = found?.[2] ?? 'a value that is not finite';
    if (source !== undefined)
      return new UserError(`debug_nans: ${this.entry}: ${source} holds ${value} before the run`);
    const role = node?.gradient ? ' in the gradient of what was made' : '';
    const place = node === undefined ? '' : `${role} ${at(node.origin)}`;
    return new UserError(
      `debug_nans: ${this.entry}: the first value that is not finite: ${node?.type} gives ${value}${place}; all that it takes is finite`,
    );
  }
}

const MARK = 'debug_nans:';
/** TensorFlow's message: `debug_nans:12 : Tensor had NaN values`. */
const PATTERN = /debug_nans:(\d+)\s*:\s*Tensor had (.*?) values?/;
