import { markdownTable } from 'markdown-table';
import { cpuText, numericsLine, platformId } from '../record/numerics.ts';
import { type TensorDifference, tensorDifferenceText } from './tensor_difference.ts';
import { unexplained } from './unexplained.ts';
import type { Circumstance, Verification } from './verify.ts';

const SHOWN = 8; // tensors that the text lists

/** A verification as text for the terminal. */
export function verificationText(verification: Verification): string {
  const { experiment, epoch, pass, changes, tensors, apart } = verification;
  const isUnit = 'benchmark' in verification.recorded.experiment;
  const what = `${isUnit ? 'unit' : 'epoch'} ${epoch} of ${experiment}`;
  const entry = verification.found.epochs[epoch];
  const line = numericsLine(verification.here, entry?.stateHash);
  if (pass) {
    const own = isUnit ? 'that it found' : 'of its checkpoint';
    const whole = tensors === undefined ? '' : `, and so has every tensor ${own}`;
    return [
      `${what}: verified. Run again, every metric has the recorded bits${whole}; state ${entry?.stateHash}`,
      ...apart.map((one) => `though ${REASONS[one]}`),
      line,
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
    line,
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
  numerics: 'this machine computes other bits: its kernels round in other places',
};

function explanation({ apart, recorded, here }: Verification): string {
  if (apart.length === 0)
    return (
      unexplained(recorded, { ...recorded, ...here }) ??
      'Machine, library, graph and data are those of the record, so nothing here explains it: ' +
        'the record or its checkpoint does not come from this code.'
    );
  const reasons = apart.map((one) => REASONS[one]).join('; ');
  const platform = apart.includes('numerics')
    ? ` The record is of platform ${platformId(recorded)} (${cpuText(recorded.fingerprint)}; ` +
      `${recorded.fingerprint.features ?? 'unknown'}), this is ` +
      `${platformId({ ...here, experiment: recorded.experiment })}; only one that computes the same can verify it ` +
      'to the bit. The distances above are for people to judge.'
    : '';
  return `Not the same as when it was recorded: ${reasons}.${platform}`;
}

function distance(before: unknown, after: unknown): string {
  if (typeof before !== 'number' || typeof after !== 'number') return '';
  return (Math.abs(after - before) / (Math.abs(before) || 1)).toExponential(2);
}
