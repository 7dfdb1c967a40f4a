import { UserError } from '../../base/errors.ts';
import { exportsOf, modulesIn } from '../../base/exports.ts';
import type { Group } from '../../cluster/group.ts';
import { alone, checkProcesses } from '../../cluster/layout.ts';
import type { Server } from '../../engine/server.ts';
import { type Comparison, Comparisons } from './agreement.ts';
import { caseNames, type Fixture, readFixture } from './fixture.ts';
import { type Share, shareOf, wholeShare } from './share.ts';

/** Code that runs cases of one kind. */
export interface ParityCase {
  /** Values of `method` in a case's JSON. */
  readonly methods: readonly string[];
  /**
   * Computes what the case expects and hands it to `comparisons`, under the case's names.
   * @param share the ranks that this process computes
   */
  run(fixture: Fixture, comparisons: Comparisons, share: Share): Promise<void>;
}

/**
 * What can be held to the reference's values: the cases that the modules of a folder export.
 * @throws where two run the same kind
 */
export async function findCases(folder: string): Promise<readonly ParityCase[]> {
  const found = new Set<ParityCase>();
  const kinds = new Set<string>();
  for (const { file, value } of await exportsOf(modulesIn(folder))) {
    if (!isCase(value) || found.has(value)) continue;
    const twice = value.methods.find((kind) => kinds.has(kind));
    if (twice !== undefined) throw new Error(`${file}: a second case runs ${twice}`);
    found.add(value);
    for (const kind of value.methods) kinds.add(kind);
  }
  return [...found];
}

function isCase(value: unknown): value is ParityCase {
  if (typeof value !== 'object' || value === null) return false;
  return 'methods' in value && 'run' in value && typeof value.run === 'function';
}

export interface Result {
  readonly name: string;
  readonly pass: boolean;
  /** Nearest to its bound, or farthest beyond it. */
  readonly worst?: Comparison;
  readonly failed: readonly Comparison[];
  readonly compared: number;
  /** Why the case could not be run at all. */
  readonly problem?: string;
}

/** The processes that run cases together. */
export interface Processes {
  readonly server: Server;
  readonly group: Pick<Group, 'rank' | 'processes' | 'exchange' | 'fail'>;
}

export interface ParityOptions {
  /** Leaves out cases that no code is there for yet, and says so on stderr. */
  readonly supported?: boolean | undefined;
  /** Share the ranks of each case that has several; those of one rank are run by process 0 alone. */
  readonly processes?: Processes | undefined;
}

/**
 * Runs every case of a folder, one after another. Trouble with one is its result, never thrown. With several processes
 * all have the same results.
 */
export async function* runParity(
  directory: string,
  cases: readonly ParityCase[],
  only: readonly string[] = [],
  { supported = false, processes }: ParityOptions = {},
): AsyncGenerator<Result> {
  const names = caseNames(directory);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new UserError(`parity: no case ${unknown} in ${directory}; there are: ${names}`);
  for (const name of names) {
    if (only.length > 0 && !only.includes(name)) continue;
    if (supported && !isSupported(directory, name, cases))
      process.stderr.write(`NOT CHECKED: ${name}, whose kind is not supported yet\n`);
    else yield await runCase(directory, name, cases, processes);
  }
}

// A case that cannot be read is run, and fails.
function isSupported(directory: string, name: string, cases: readonly ParityCase[]): boolean {
  try {
    const { method } = readFixture(directory, name);
    return cases.some(({ methods }) => methods.includes(method));
  } catch {
    return true;
  }
}

async function runCase(
  directory: string,
  name: string,
  cases: readonly ParityCase[],
  processes: Processes | undefined,
): Promise<Result> {
  try {
    const fixture = readFixture(directory, name);
    const known = cases.find(({ methods }) => methods.includes(fixture.method));
    if (known === undefined) throw new UserError(`not supported yet: ${fixture.method}`);
    const comparisons = new Comparisons(fixture);
    if (processes === undefined)
      await known.run(fixture, comparisons, wholeShare(fixture.worldSize));
    else await runTogether(fixture, known, comparisons, processes);
    return judge(name, comparisons.finish());
  } catch (error) {
    return { name, pass: false, failed: [], compared: 0, problem: messageOf(error) };
  }
}

/** Runs a case with the other processes, and has what all of them compared. @throws where one of them did */
async function runTogether(
  fixture: Fixture,
  known: ParityCase,
  comparisons: Comparisons,
  { server, group }: Processes,
): Promise<void> {
  const { rank, processes } = group;
  const { worldSize: replicas, name } = fixture;
  if (replicas > 1) checkProcesses(replicas, processes);
  const layout = replicas > 1 ? { replicas, processes, rank } : alone(1);
  const share = shareOf(layout, replicas > 1 ? server : undefined);
  const run = replicas === 1 && rank > 0 ? undefined : known.run(fixture, comparisons, share);
  const problem = await Promise.resolve(run).then(() => '', messageOf);
  const exchanged = group.exchange(`case ${name}`, { problem, told: comparisons.told() });
  const all = await (problem === '' ? exchanged : inTime(exchanged, problem, group));
  all.forEach((one, r) => {
    if (one.problem !== '') throw new UserError(`${one.problem} (process ${r})`);
    if (r !== rank) comparisons.hear(one.told);
  });
}

const PATIENCE_MS = 30_000;

/** Trouble that one process alone has leaves the others in an exchange of tensors, which nothing ends but their end. */
async function inTime<T>(
  exchanged: Promise<T>,
  problem: string,
  group: Processes['group'],
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(
      () => group.fail(problem).then(() => fail(new UserError(problem))),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([exchanged, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function judge(name: string, done: readonly Comparison[]): Result {
  const failed = done.filter(({ ratio }) => !(ratio <= 1));
  const [first, ...rest] = done;
  if (first === undefined)
    return { name, pass: false, failed, compared: 0, problem: 'the case expects nothing' };
  const worst = rest.reduce((a, b) => (b.ratio > a.ratio ? b : a), first);
  return { name, pass: failed.length === 0, worst, failed, compared: done.length };
}

/** `PASS moco_v1 worst=1.2e-6 at step2.grad.…`, one line. */
export function lineOf({ name, pass, worst, problem }: Result): string {
  const verdict = `${pass ? 'PASS' : 'FAIL'} ${name}`;
  if (worst === undefined) return `${verdict} ${problem ?? ''}`;
  const why = worst.problem === undefined ? '' : ` (${worst.problem})`;
  return `${verdict} worst=${worst.error.toExponential(2)} at ${worst.name}${why}`;
}
