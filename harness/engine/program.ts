import { unlessStopped } from '../base/breath.ts';
import type { HostArray, TypedArray } from './array.ts';
import { arrayType, sizeOf } from './array.ts';
import { farewell } from './exchange.ts';
import { auditGraph } from './graph/audit.ts';
import { Checks } from './graph/checks.ts';
import { Graph } from './graph/graph.ts';
import { oneAtATime } from './graph/one_at_a_time.ts';
import { madeAt } from './graph/origin.ts';
import { auditQuotients } from './graph/quotients.ts';
import { StateWriter } from './graph/state_writer.ts';
import { type Io, type TensorSpec, Tracing, type Variable } from './graph/tracing.ts';
import { liberties } from './liberties.ts';
import { native, type Output, onCpu, type Pointer } from './native/capi.ts';
import { EngineError } from './native/native.ts';
import { identity } from './op.ts';
import { type CompiledNode, type OpTime, Session, type SessionOptions } from './session.ts';
import { type InputSpec, SizedEntry, shapeAt } from './sizes/entry.ts';
import type { SizeSpecs, Sizes } from './sizes/ranges.ts';
import { type Tensor, traceInto, unwrap } from './tf.ts';

export type { Io, TensorSpec } from './graph/tracing.ts';
export type { InputSpec } from './sizes/entry.ts';
export type { SizeSpec, SizeSpecs, Sizes } from './sizes/ranges.ts';

export interface ProgramOptions extends SessionOptions {
  /**
   * Before each run, go through every float that its ops make; the first one that is not finite, in the
   * order of the program, stops the run by op and line, and the state stays as it was. The run itself
   * is the same graph as without, bit for bit; both together take about three times as long.
   */
  readonly debugNans?: boolean;
  /** Collectives start one at a time, in an order alike in all processes; by default on a GPU, where they must. */
  readonly oneCollectiveAtATime?: boolean;
}

type Named<T> = Readonly<Record<string, T>>;

/** So many have been made on this process's server. */
let programs = 0;

export interface EntryDefinition {
  /**
   * Sizes that may be others in each run, of one graph. The entry is traced at some of the range then, at all of which
   * it has to be the same ops (`sizes/`).
   */
  readonly sizes?: SizeSpecs;
  readonly inputs: Named<InputSpec>;
  /** Traced once, or with free sizes some times. What it returns are the entry's outputs. */
  readonly build: (io: Io) => Named<Tensor>;
}

interface Entry {
  readonly build: EntryDefinition['build'];
  readonly inputs: ReadonlyMap<string, { readonly spec: InputSpec; readonly output: Output }>;
  readonly sized: SizedEntry | undefined;
  readonly outputNames: readonly string[];
  readonly fetches: readonly Output[];
  readonly targets: readonly Pointer[];
  /** Whether it holds collectives. */
  readonly collective: boolean;
}

/**
 * State and the functions on it, compiled to one TensorFlow graph. Each entry is traced once and then
 * runs as one session run.
 *
 * @example
 * const program = new Program();
 * program.state('w', { dtype: 'float32', shape: [3] });
 * program.entry('add', {
 *   inputs: { x: { dtype: 'float32', shape: [3] } },
 *   build: (io) => { io.assign('w', tf.add(io.read('w'), io.inputs.x)); return {}; },
 * });
 * await program.writeState('w', hostArray('float32', [3], new Float32Array(3)));
 * await program.run('add', { x: new Float32Array([1, 2, 3]) });
 */
export class Program {
  readonly graph = new Graph();
  private readonly session: Session;
  private readonly variables = new Map<string, Variable>();
  private readonly entries = new Map<string, Entry>();
  private readonly readers = new Map<string, Output>();
  private readonly writer: StateWriter;
  private readonly debugNans: boolean;
  private readonly inOrder: boolean;
  /** Sessions on a server share its variables by name; others have their own. */
  private readonly namespace: string;
  private readonly checks = new Map<string, Checks>();
  private audited = 0;
  private abandoned: Promise<unknown> | undefined;

  constructor(options: ProgramOptions = {}) {
    this.session = new Session(this.graph, options);
    this.writer = new StateWriter(this.graph, (one) =>
      this.attributed(() => this.session.run(one)),
    );
    this.debugNans = options.debugNans ?? false;
    this.inOrder = options.oneCollectiveAtATime ?? !onCpu();
    this.namespace = options.server === undefined ? '' : `program${programs++}.`;
  }

  /** Declares a state tensor. It has no value until `writeState`. */
  state(name: string, { dtype, shape }: TensorSpec): void {
    if (this.variables.has(name)) throw new Error(`engine: state '${name}' is declared twice`);
    const attrs = { dtype: { dtype }, shape: { shape }, shared_name: this.namespace + name };
    const { oper } = this.graph.add('VarHandleOp', [], attrs);
    this.variables.set(name, { spec: { dtype, shape }, handle: { oper, index: 0 } });
  }

  /** Names and types of all state, in order of declaration. */
  stateSpecs(): ReadonlyMap<string, TensorSpec> {
    return new Map([...this.variables].map(([name, variable]) => [name, variable.spec]));
  }

  /**
   * Traces a function into the graph under a name.
   * @throws when an op in it is not on the list of deterministic ops of this device.
   */
  entry(name: string, definition: EntryDefinition): void {
    const { inputs, build } = definition;
    if (this.entries.has(name)) throw new Error(`engine: entry '${name}' is defined twice`);
    const specs = (key: string) => this.variable(key).spec;
    const sized = definition.sizes && new SizedEntry(name, definition, definition.sizes, specs);
    const feeds = new Map(
      Object.entries(inputs).map(([key, spec]) => {
        const shape = sized?.commonShape(spec) ?? shapeAt(spec, {});
        return [key, { spec, output: this.graph.placeholder(spec.dtype, shape) }] as const;
      }),
    );
    const trace = () => {
      const io = new Tracing(this.graph, (key) => this.variable(key), feeds);
      const outputs = build(io);
      const fed = new Set(Object.values(io.inputs));
      return {
        inputs: feeds,
        build,
        sized,
        outputNames: Object.keys(outputs),
        // An input itself can not be fetched.
        fetches: Object.values(outputs).map((y) => unwrap(fed.has(y) ? identity(y) : y)),
        targets: [...io.finish(), ...farewell()],
      };
    };
    const entry = this.graph.scope(name, () =>
      sized === undefined
        ? traceInto(this.graph, undefined, trace)
        : sized.traced(this.graph, feeds, (free) => traceInto(this.graph, undefined, trace, free)),
    );
    const collectives = this.graph.nodes
      .slice(this.audited)
      .filter(({ type }) => type.startsWith('Collective'));
    if (this.inOrder) oneAtATime(this.graph, collectives);
    const nodes = this.graph.nodes.slice(this.audited);
    const { device } = native().library;
    if (liberties() === undefined) auditGraph(nodes, device);
    if (device === 'cpu') auditQuotients(this.graph, nodes);
    this.audited = this.graph.nodes.length;
    this.entries.set(name, { ...entry, collective: collectives.length > 0 });
  }

  /**
   * Runs an entry once.
   * @param inputs one array for each input of the entry, row-major, of its dtype and size.
   * @param sizes those of its free sizes that it does not find out itself.
   * @returns the entry's outputs by name.
   */
  async run(
    name: string,
    inputs: Named<TypedArray> = {},
    sizes: Sizes = {},
  ): Promise<Record<string, HostArray>> {
    const { outputNames, ...one } = this.callOf(name, inputs, sizes);
    if (this.debugNans) await this.checksOf(name).run(this.session, one.feeds);
    const values = await this.attributed(() => this.session.run(one));
    return Object.fromEntries(
      values.map((value, i) => [outputNames[i] ?? String(i), value] as const),
    );
  }

  /**
   * As `run`. Once the signal has come, its reason is thrown; the run ends by itself then, which may take
   * long, and the program is good for nothing but `dispose`.
   */
  async runUnlessStopped(
    signal: AbortSignal | undefined,
    name: string,
    inputs: Named<TypedArray> = {},
    sizes: Sizes = {},
  ): Promise<Record<string, HostArray>> {
    const run = this.run(name, inputs, sizes);
    try {
      return await unlessStopped(signal, run);
    } catch (error) {
      if (signal?.aborted) this.abandoned = run;
      throw error;
    }
  }

  /** Runs an entry once and says where the time went, op by op. @see scripts/profile.mjs */
  async profile(
    name: string,
    inputs: Named<TypedArray> = {},
    sizes: Sizes = {},
  ): Promise<OpTime[]> {
    return this.session.profile(this.callOf(name, inputs, sizes));
  }

  /** Runs an entry once and gives the graph that ran, as TensorFlow's optimiser left it. */
  async compiled(
    name: string,
    inputs: Named<TypedArray> = {},
    sizes: Sizes = {},
  ): Promise<CompiledNode[]> {
    return this.session.compiled(this.callOf(name, inputs, sizes));
  }

  /**
   * Runs what some outputs of nodes of an entry need, and gives these. State changes where one of them waits for a
   * change. @see scripts/probe.mjs
   */
  async valuesOf(
    name: string,
    inputs: Named<TypedArray>,
    fetches: readonly Output[],
    sizes: Sizes = {},
  ): Promise<HostArray[]> {
    const { feeds, collective } = this.callOf(name, inputs, sizes);
    return this.attributed(() => this.session.run({ feeds, fetches, targets: [], collective }));
  }

  private callOf(name: string, inputs: Named<TypedArray>, given: Sizes) {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`engine: no entry '${name}'${known(this.entries)}`);
    const sizes = entry.sized?.checked(given) ?? {};
    const own = [...entry.inputs].map(([key, { spec, output }]) => {
      const { dtype } = spec;
      const whole = { dtype, shape: shapeAt(spec, sizes) };
      return { output, value: fitted(`${name}: input '${key}'`, whole, inputs[key]) };
    });
    const feeds = [...own, ...(entry.sized?.feeds(sizes) ?? [])];
    for (const key of Object.keys(inputs))
      if (!entry.inputs.has(key))
        throw new Error(`engine: ${name} has no input '${key}'${known(entry.inputs)}`);
    return { ...entry, feeds };
  }

  /** A copy of a state tensor. */
  async readState(name: string): Promise<HostArray> {
    const [value] = await this.readStates([name]);
    if (value === undefined) throw new Error(`engine: state '${name}' could not be read`);
    return value;
  }

  /** Copies of several state tensors, from one run. */
  async readStates(names: readonly string[]): Promise<HostArray[]> {
    const fetches = names.map((name) => this.reader(name));
    return this.attributed(() => this.session.run({ feeds: [], fetches, targets: [] }));
  }

  /**
   * Sets state tensors, some at a time: where `values` makes them one by one, they never all lie on
   * the host together.
   * @throws when dtype or shape differ from the declaration.
   */
  async writeStates(values: Iterable<readonly [string, HostArray]>): Promise<void> {
    await this.writer.write(values, (name) => this.variable(name));
  }

  async writeState(name: string, value: HostArray): Promise<void> {
    await this.writeStates([[name, value]]);
  }

  /** Frees session and graph; where a run was abandoned, as soon as it has ended. */
  dispose(): void {
    const free = () => {
      this.session.dispose();
      this.graph.dispose();
    };
    if (this.abandoned === undefined) free();
    else this.abandoned.then(free, free);
  }

  /** The twin of an entry that changes nothing and checks everything; made when it is first run. */
  private checksOf(name: string): Checks {
    const known = this.checks.get(name);
    if (known !== undefined) return known;
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`engine: no entry '${name}'`);
    const checks = new Checks(this.graph, name);
    const trace = () => {
      entry.build(new Tracing(this.graph, (key) => this.variable(key), entry.inputs));
      checks.end(entry.collective, farewell());
    };
    this.graph.scope(`${name}.checked`, () =>
      entry.sized === undefined
        ? traceInto(this.graph, checks, trace)
        : entry.sized.traced(this.graph, entry.inputs, (free) =>
            traceInto(this.graph, checks, trace, free),
          ),
    );
    this.checks.set(name, checks);
    return checks;
  }

  private variable(name: string): Variable {
    const variable = this.variables.get(name);
    if (variable === undefined)
      throw new Error(`engine: no state '${name}'${known(this.variables)}`);
    return variable;
  }

  private reader(name: string): Output {
    const { spec, handle } = this.variable(name);
    let reader = this.readers.get(name);
    if (reader === undefined) {
      const attrs = { dtype: { dtype: spec.dtype } };
      reader = { oper: this.graph.add('ReadVariableOp', [handle], attrs).oper, index: 0 };
      this.readers.set(name, reader);
    }
    return reader;
  }

  /** Adds the line of user code to an error that names a node of this graph. */
  private async attributed<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const name = /\{\{node ([^}]+)\}\}/.exec(error.message)?.[1];
      const node = name === undefined ? undefined : this.graph.find(name);
      const where = node === undefined ? '' : `\n  ${node.type} ${madeAt(node)}`;
      throw new EngineError(firstLine(error.message) + where, error.code);
    }
  }
}

/** TensorFlow repeats a message for every output that could not be fetched. */
function firstLine(message: string): string {
  return message
    .replace(/\n\t \[\[[\s\S]*$/, '')
    .replace(/^run: \d+ root error\(s\) found\.\n\s*/, 'run: ');
}

function known(map: ReadonlyMap<string, unknown>): string {
  return `; there are: ${[...map.keys()].slice(0, 20).join(', ') || 'none'}`;
}

function fitted(what: string, spec: TensorSpec, data: TypedArray | undefined): HostArray {
  const elements = sizeOf(spec.shape);
  const expected = `${arrayType(spec.dtype).name} of ${elements} for ${spec.dtype} [${spec.shape}]`;
  if (data === undefined) throw new Error(`engine: ${what} is missing; expected ${expected}`);
  if (data.length !== elements || !(data instanceof arrayType(spec.dtype)))
    throw new Error(
      `engine: ${what}: got ${data.constructor.name} of ${data.length}, expected ${expected}`,
    );
  return { dtype: spec.dtype, shape: spec.shape, data };
}
