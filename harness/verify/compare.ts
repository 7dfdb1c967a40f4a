import { type Difference, differences, kindOfPath, UserError } from '../base/index.ts';
import type { StepRow } from '../log/step_file.ts';
import { type EpochEntry, metricsOf } from '../record/entries.ts';
import { readRunSteps } from '../record/former.ts';
import { numericsLine } from '../record/numerics.ts';
import { type RunRecord, readRecord } from '../record/record.ts';
import { readStates, type StateRow } from '../record/states.ts';
import { readWeightsFile } from '../weights/weights_file.ts';
import { type TensorDifference, tensorDifferences } from './tensor_difference.ts';
import { unexplained } from './unexplained.ts';

/** Where two runs part, according to what their work directories hold. */
export interface RunComparison {
  /** Fields of the experiment that differ. */
  readonly experiment: readonly Difference[];
  /** What else may explain it: data, graph of the step, library, platform. */
  readonly surroundings: readonly Difference[];
  /** Steps that both have written down. */
  readonly steps: number;
  /** The first step whose row differs, and in which columns. */
  readonly step?: { readonly step: number; readonly columns: readonly Difference[] };
  /** The first epoch whose entry differs. */
  readonly epoch?: { readonly epoch: number; readonly what: readonly Difference[] };
  /** The first step after which tensors differ, by the hashes that both have recorded. */
  readonly state?: { readonly step: number; readonly tensors: readonly string[] };
  /** Steps whose states both have recorded. */
  readonly states: number;
  /** What they were computed on, a line each. */
  readonly numerics: readonly [string, string];
  /** What is to be said where they part and yet have the same numerics. */
  readonly unexplained?: string;
}

/** Compares what two work directories say, without running anything. */
export function compareRuns(left: string, right: string): RunComparison {
  const [a, b] = [readRecord(left), readRecord(right)];
  const rows = inStep(readRunSteps(left), readRunSteps(right));
  const states = inStep(readStates(left), readStates(right));
  const step = rows.find(([x, y]) => columnsApart(x, y).length > 0);
  const state = states.find(([x, y]) => namesApart(x, y).length > 0);
  const epoch = inEpoch(a, b).find(([x, y]) => entriesApart(x, y).length > 0);
  const parted = [step, state, epoch].some((one) => one !== undefined);
  const words = parted ? unexplained(a, b) : undefined;
  return {
    experiment: differences(a.experiment, b.experiment),
    surroundings: differences(surroundingsOf(a, b), surroundingsOf(b, a)),
    numerics: [a, b].map((one) => numericsLine(one, one.epochs.at(-1)?.stateHash)) as [
      string,
      string,
    ],
    ...(words === undefined ? {} : { unexplained: words }),
    steps: rows.length,
    states: states.length,
    ...(step === undefined ? {} : { step: { step: step[0].step, columns: columnsApart(...step) } }),
    ...(epoch === undefined
      ? {}
      : { epoch: { epoch: epoch[0].epoch, what: entriesApart(...epoch) } }),
    ...(state === undefined
      ? {}
      : { state: { step: state[0].step, tensors: namesApart(...state) } }),
  };
}

/** Compares two safetensors files, tensor by tensor. */
export function compareFiles(left: string, right: string): TensorDifference[] {
  return tensorDifferences(readWeightsFile(left), readWeightsFile(right));
}

/** What two paths are. @throws UserError unless both are files or both folders. */
export function kindOf(left: string, right: string): 'files' | 'runs' {
  const kinds = [left, right].map((path) => {
    const kind = kindOfPath(path);
    if (kind === undefined)
      throw new UserError(`${path} is not there; expected a work directory or a safetensors file`);
    return kind === 'folder' ? 'runs' : 'files';
  });
  const [kind = 'runs', other] = kinds;
  if (kind !== other)
    throw new UserError(`${left} and ${right}: expected two work directories or two files`);
  return kind;
}

/** Whether anything that a run computed differs. */
export function isSame({ step, epoch, state }: RunComparison): boolean {
  return step === undefined && epoch === undefined && state === undefined;
}

function inStep<Row extends { readonly step: number }>(
  left: readonly Row[],
  right: readonly Row[],
): [Row, Row][] {
  const others = new Map(right.map((row) => [row.step, row]));
  return left.flatMap((row): [Row, Row][] => {
    const other = others.get(row.step);
    return other === undefined ? [] : [[row, other]];
  });
}

function inEpoch({ epochs }: RunRecord, { epochs: others }: RunRecord): [EpochEntry, EpochEntry][] {
  return epochs.flatMap((entry, i): [EpochEntry, EpochEntry][] => {
    const other = others[i];
    return other === undefined ? [] : [[entry, other]];
  });
}

function columnsApart(a: StepRow, b: StepRow): Difference[] {
  const flat = ({ lr, images, metrics }: StepRow) => ({ lr, images, ...metrics });
  return differences(flat(a), flat(b));
}

/** Names in the order of the left side; those that only the right side has come last. */
function namesApart({ tensors: a }: StateRow, { tensors: b }: StateRow): string[] {
  const [left, right] = [new Map(a), new Map(b)];
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].filter((name) => left.get(name) !== right.get(name));
}

function entriesApart(a: EpochEntry, b: EpochEntry): Difference[] {
  const own = ({ metrics, stateHash }: EpochEntry) => ({ ...metricsOf(metrics), stateHash });
  return differences(own(a), own(b));
}

/** Where both have ids of numerics a machine's description explains nothing. */
function surroundingsOf(one: RunRecord, other: RunRecord) {
  const { data, graph, library, fingerprint, numerics } = one;
  const known = numerics !== undefined && other.numerics !== undefined;
  return { data, graph, library, ...(known ? { numerics } : { fingerprint }) };
}
