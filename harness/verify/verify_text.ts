import { markdownTable } from 'markdown-table';
import type { RunRecord } from '../record/record.ts';
import { type TensorDifference, tensorDifferenceText } from './tensor_difference.ts';
import type { Circumstance, Verification } from './verify.ts';

const SHOWN = 8; // tensors that the text lists

/** A verification as text for the terminal. */
export function verificationText(verification: Verification): string {
  const { experiment, epoch, pass, changes, tensors, apart } = verification;
  const isUnit = 'benchmark' in verification.recorded.experiment;
  const what = `${isUnit ? 'unit' : 'epoch'} ${epoch} of ${experiment}`;
  if (pass) {
    const entry = verification.found.epochs[epoch];
    const own = isUnit ? 'that it found' : 'of its checkpoint';
    const whole = tensors === undefined ? '' : `, and so has every tensor ${own}`;
    return [
      `${what}: verified. Run again, every metric has the recorded bits${whole}; state ${entry?.stateHash}`,
      ...apart.map((one) => `though ${REASONS[one]}`),
    ].join('\n');
  }
  const rows = changes.map(({ epoch: at, metric, before, after }) => [
    String(at),
    metric,
    String(before ?? '–'),
    String(after ?? '–'),
    distance(before, after),
  ]);
  const table = markdownTable([['epoch', 'metric', 'recorded', 'found', 'relative'], ...rows]);
  return [
    table,
    '',
    ...tensorLines(tensors),
    `${what}: NOT verified. ${explanation(verification)}`,
  ].join('\n');
}

function tensorLines(tensors: readonly TensorDifference[] | undefined): string[] {
  if (tensors === undefined)
    return ["the epoch's own checkpoint is gone: tensors cannot be compared", ''];
  const [first] = tensors;
  if (first === undefined) return [];
  const more = tensors.length > SHOWN ? [`and ${tensors.length - SHOWN} more tensors`] : [];
  return [
    `first tensor that differs: ${first.name}`,
    ...tensors.slice(0, SHOWN).map(tensorDifferenceText),
    ...more,
    '',
  ];
}

const REASONS: Readonly<Record<Circumstance, string>> = {
  data: 'the data are not those of the record',
  graph: 'the training step is computed in another way (another version of the code)',
  library: 'libtensorflow is another one',
  fingerprint: 'this machine is of another kind: its kernels may round in other places',
};

function explanation({ apart, recorded, found }: Verification): string {
  if (apart.length === 0)
    return (
      'Machine, library, graph and data are those of the record, so nothing here explains it: ' +
      'the record or its checkpoint does not come from this code.'
    );
  const reasons = apart.map((one) => REASONS[one]).join('; ');
  const { id, cpu, features } = recorded.fingerprint;
  const platform = apart.includes('fingerprint')
    ? ` The record is of platform ${id} (${cpu ?? 'unknown'}; ${features ?? 'unknown'}), ` +
      `this is ${platformHere(found)}; only one of the same kind can verify it to the bit. ` +
      'The distances above are for people to judge.'
    : '';
  return `Not the same as when it was recorded: ${reasons}.${platform}`;
}

/** A run that went on elsewhere has a mixed fingerprint; the last of its parts is this machine. */
function platformHere({ fingerprint: { id, parts } }: RunRecord): string {
  const here: unknown = Array.isArray(parts) ? parts.at(-1) : undefined;
  return typeof here === 'object' && here !== null && 'id' in here ? String(here.id) : id;
}

function distance(before: unknown, after: unknown): string {
  if (typeof before !== 'number' || typeof after !== 'number') return '';
  return (Math.abs(after - before) / (Math.abs(before) || 1)).toExponential(2);
}
