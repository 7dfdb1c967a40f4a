import { markdownTable } from 'markdown-table';
import type { ExactNumber } from '../record/entries.ts';
import { numberOf } from '../record/entries.ts';
import { cpuText, isPortable, platformId } from '../record/numerics.ts';
import type { RunRecord } from '../record/record.ts';
import { hashesOf } from '../record/repair.ts';
import { type Band, isWithin } from './bands.ts';
import { binds, goldenId, goldensOf, ownGolden } from './golden.ts';
import type { Golden } from './golden_schema.ts';
import { unexplained } from './unexplained.ts';

/** One value compared with the pinned one. */
export interface Row {
  readonly epoch: number | 'final';
  /** A metric, or `state`. */
  readonly metric: string;
  readonly expected: string;
  readonly found: string;
  readonly fits: boolean;
}

/** What a comparison with the goldens came to. */
export interface Verdict {
  /** Bits on a known platform, bands elsewhere, nothing where no golden of the experiment is. */
  readonly kind: 'exact' | 'band' | 'none';
  /** False for a miss. True where nothing is pinned. */
  readonly pass: boolean;
  /** What was compared with what, and how it went, in a sentence or two. */
  readonly summary: string;
  /** What does not fit besides the rows, e.g. other data. */
  readonly problems: readonly string[];
  /** What differs from the golden without being wrong. */
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * Holds a record to the goldens of its experiment. Where its numerics have one, whatever the CPU is
 * called, every bit of every metric and every state hash must be equal; elsewhere each metric must lie
 * in its measured band (`measureBands`). What is portable has one golden for all CPUs, with or without
 * its id. A run that is not finished is compared as far as it got.
 * @param folder of all goldens, `golden/`.
 * @throws UserError when a golden is damaged.
 */
export function verdictOn(record: RunRecord, folder: string): Verdict {
  const goldens = goldensOf(folder, record);
  const own = ownGolden(goldens, record);
  if (own !== undefined) return exactVerdict(record, own);
  const [nearest] = [...goldens.values()]
    .filter(({ bands }) => bands !== undefined)
    .sort((a, b) => distance(a, record) - distance(b, record));
  if (nearest !== undefined) return bandVerdict(record, nearest);
  const { name } = record.experiment;
  const summary =
    goldens.size === 0
      ? `${name}: there is no golden for this experiment (id ${record.experimentId.slice(0, 12)}): ` +
        'nothing was compared. scripts/bless.mjs pins one.'
      : `${name}: goldens of this experiment are of other platforms (${[...goldens.keys()].join(', ')}) ` +
        `and have no bands; this is ${platformId(record)}: nothing was compared.`;
  return { kind: 'none', pass: true, summary, problems: [], notes: [], rows: [] };
}

/** Holds a record to a golden bit by bit, whatever their platforms. */
export function exactVerdict(record: RunRecord, golden: Golden): Verdict {
  return verdict('exact', record, golden, exactRows(record, golden.record));
}

/** Holds a record to the bands of a golden, whatever their platforms. */
export function bandVerdict(record: RunRecord, golden: Golden): Verdict {
  return verdict('band', record, golden, bandRows(record, golden));
}

// Another kind of device rounds in other places; goldens come in order of id, which breaks ties.
function distance({ record }: Golden, { fingerprint }: RunRecord): number {
  return record.fingerprint.device === fingerprint.device ? 0 : 1;
}

function verdict(
  kind: 'exact' | 'band',
  record: RunRecord,
  golden: Golden,
  rows: readonly Row[],
): Verdict {
  const pinned = golden.record;
  const [expected, found] = [hashesOf(pinned.data), hashesOf(record.data)];
  const problems = Object.keys({ ...expected, ...found })
    .sort()
    .filter((use) => expected[use] !== found[use])
    .map(
      (use) =>
        `data of ${use} are others: SHA-256 ${found[use] ?? 'absent'}, ` +
        `expected ${expected[use] ?? 'absent'}${repairsOf(record, use)}`,
    );
  const missed = rows.filter(({ fits }) => !fits);
  const pass = problems.length === 0 && missed.length === 0;
  const [first] = missed;
  const outcome = pass
    ? 'all fit'
    : first === undefined
      ? 'MISS'
      : `MISS: ${missed.length} do not fit, first ${first.metric} ${place(first.epoch)}`;
  return {
    kind,
    pass,
    problems,
    rows,
    summary: `${record.experiment.name}: ${rows.length} values ${basis(kind, record, golden)}: ${outcome}.`,
    notes: [
      ...notesOf(record, golden),
      ...(kind === 'exact' ? machineNotes(record, golden, pass) : []),
    ],
  };
}

/** Why they are, where a run went on with repaired files. */
function repairsOf({ data }: RunRecord, use: string): string {
  const names = (data.repaired ?? []).filter((it) => it.use === use).map(({ name }) => name);
  if (names.length === 0) return '';
  return ` (the run went on with ${names.length} repaired files, the first is ${names[0]})`;
}

function basis(
  kind: 'exact' | 'band',
  record: RunRecord,
  { record: pinned, bands }: Golden,
): string {
  const id = platformId(record);
  if (kind === 'exact') return exactBasis(record, pinned, id);
  const count = bands?.runs.length ?? 0;
  return (
    `held to bands, as this platform, ${id}, has no golden: measured from ${count} perturbed runs ` +
    `on ${platformId(pinned)}, all together with confidence ${bands?.confidence ?? 0}`
  );
}

function exactBasis(record: RunRecord, { fingerprint }: RunRecord, id: string): string {
  const [here, there] = [record.fingerprint, fingerprint].map(cpuText);
  const made = here === there ? '' : ` (made on ${there}, this is ${here})`;
  return `compared bit by bit with the golden of this platform, ${id}${made}`;
}

/** What two machines have to do with it. */
function machineNotes(record: RunRecord, golden: Golden, pass: boolean): string[] {
  if (binds(golden, record)) {
    const words = pass ? undefined : unexplained(adoptedBy(golden, record), record);
    return words === undefined ? [] : [words];
  }
  return isPortable(record.experiment)
    ? [
        `the portable numerics here are ${platformId(record)}, those of the golden ${goldenId(golden)}; every CPU ` +
          'should have the same: another libtensorflow, or a kernel that is not portable',
      ]
    : [];
}

/** The pinned run as of the numerics that met it. */
function adoptedBy({ record: pinned }: Golden, { numerics }: RunRecord): RunRecord {
  return { ...pinned, numerics: pinned.numerics ?? numerics };
}

function notesOf(record: RunRecord, { record: pinned, horizon }: Golden): string[] {
  const done = record.epochs.length - 1;
  return [
    ...(record.graph === pinned.graph
      ? []
      : ['the traced step is another one than in the golden: the code or TensorFlow changed']),
    ...(done < horizon ? [`compared up to epoch ${done} of the ${horizon} that are pinned`] : []),
    ...(done > horizon ? [`epochs after ${horizon} are not pinned`] : []),
  ];
}

type Place = Row['epoch'];

function exactRows(record: RunRecord, pinned: RunRecord): Row[] {
  const rows = pinned.epochs.flatMap((expected, i) => {
    const found = record.epochs[i];
    if (found === undefined) return [];
    return [
      ...exactMetricRows(expected.epoch, expected.metrics, found.metrics),
      rowOf(
        expected.epoch,
        'state',
        expected.stateHash.slice(0, 12),
        found.stateHash.slice(0, 12),
        {
          fits: expected.stateHash === found.stateHash,
        },
      ),
    ];
  });
  if (pinned.final === undefined || record.final === undefined) return rows;
  return [...rows, ...exactMetricRows('final', pinned.final, record.final)];
}

type Exact = Readonly<Record<string, ExactNumber>>;

function exactMetricRows(epoch: Place, expected: Exact, found: Exact): Row[] {
  return namesOf(expected, found).map((metric) => {
    const [left, right] = [expected[metric], found[metric]];
    const fits = left !== undefined && left.bits === right?.bits;
    return rowOf(epoch, metric, digits(left), digits(right), { fits });
  });
}

function bandRows(record: RunRecord, { record: pinned, bands }: Golden): Row[] {
  const rows = (bands?.epochs ?? []).flatMap(({ epoch, metrics }) => {
    const found = record.epochs[epoch];
    return found === undefined ? [] : bandMetricRows(epoch, metrics, found.metrics);
  });
  if (bands?.final === undefined || pinned.final === undefined || record.final === undefined)
    return rows;
  return [...rows, ...bandMetricRows('final', bands.final, record.final)];
}

function bandMetricRows(epoch: Place, bands: Readonly<Record<string, Band>>, found: Exact): Row[] {
  return namesOf(bands, found).map((metric) => {
    const [band, exact] = [bands[metric], found[metric]];
    const value = exact === undefined ? undefined : numberOf(exact);
    const fits = band !== undefined && value !== undefined && isWithin(band, value);
    const expected = band === undefined ? '–' : `${short(band.low)} … ${short(band.high)}`;
    return rowOf(epoch, metric, expected, value === undefined ? '–' : short(value), { fits });
  });
}

function rowOf(
  epoch: Place,
  metric: string,
  expected: string,
  found: string,
  { fits }: { readonly fits: boolean },
): Row {
  return { epoch, metric, expected, found, fits };
}

// The loss stands first, as in the logs.
function namesOf(a: object, b: object): string[] {
  const names = Object.keys({ ...a, ...b }).sort();
  return [...names.filter((n) => n === 'loss'), ...names.filter((n) => n !== 'loss')];
}

function digits(exact: ExactNumber | undefined): string {
  return exact === undefined ? '–' : String(numberOf(exact));
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function place(epoch: Place): string {
  return epoch === 'final' ? 'at the end' : `of epoch ${epoch}`;
}

/**
 * A table of expected and found, one line an epoch, for terminal and markdown. A value that does not
 * fit is marked; of those that fit to the bit only one is shown.
 */
export function verdictTable({ rows, kind }: Verdict): string {
  const rank = (metric: string) => (metric === 'loss' ? 0 : metric === 'state' ? 2 : 1);
  const metrics = [...new Set(rows.map(({ metric }) => metric))];
  const ordered = metrics.sort((a, b) => rank(a) - rank(b));
  const epochs = [...new Set(rows.map(({ epoch }) => epoch))];
  const cell = (epoch: Place, metric: string): string => {
    const row = rows.find((one) => one.epoch === epoch && one.metric === metric);
    if (row === undefined) return '';
    if (kind === 'exact' && row.fits) return row.found;
    if (kind === 'exact') return `${row.found} ≠ ${row.expected}`;
    return `${row.found} ${row.fits ? 'in' : 'NOT in'} ${row.expected}`;
  };
  const lines = epochs.map((epoch) => {
    const fits = rows.every((row) => row.epoch !== epoch || row.fits);
    return [String(epoch), ...ordered.map((metric) => cell(epoch, metric)), fits ? 'ok' : 'MISS'];
  });
  return markdownTable([['epoch', ...ordered, kind === 'exact' ? 'bits' : 'bands'], ...lines], {
    align: ['r'],
    stringLength: (text) => [...text].length,
  });
}

/** A verdict as text for the terminal: table, what does not fit, summary. */
export function verdictText(verdict: Verdict): string {
  const { rows, problems, notes, summary } = verdict;
  const table = rows.length === 0 ? [] : [verdictTable(verdict), ''];
  return [...table, ...problems, ...notes, summary].join('\n');
}
