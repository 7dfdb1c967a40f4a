import { dirname } from 'node:path';
import { Sha256, UserError } from '../base/index.ts';
import { epochOrder, stepIndices } from '../data/loader/order.ts';
import type { Source } from '../data/source.ts';
import { readDigests } from '../record/digests.ts';
import { type CheckpointExtra, extraOf } from '../record/history.ts';
import { hashesOf, type Repair } from '../record/repair.ts';
import type { LoadedCheckpoint } from '../weights/checkpoint.ts';
import type { Training } from './open_training.ts';

const SHOWN = 5;

/**
 * The image files that are not what they were when a run was left, where the run can go on all the same:
 * it had used none of them, and all others are the same, in the same order with the same labels.
 * Empty where that does not explain what changed.
 * @param workDir where the run goes on; digests are looked for there and beside the checkpoint
 * @throws UserError that names the files which the run had used, or says what else is not as it was.
 */
export function repairsSince(
  training: Training,
  checkpoint: LoadedCheckpoint,
  workDir: string,
): Repair[] {
  const extra = extraOf(checkpoint);
  const recorded = hashesOf(extra.provenance.data);
  const folders = [workDir, dirname(checkpoint.file)];
  return Object.entries(training.sources).flatMap(([use, source]) => {
    const before = recorded[use];
    if (before === undefined || before === source.manifest.sha256) return [];
    const changed = changedFiles(use, source, before, folders);
    const used = changed.filter(usedBy(training, use, checkpoint, extra));
    if (used.length > 0) throw usedBefore(use, source, used);
    return changed.map(({ index, was, is }) => ({
      use,
      index,
      name: source.files?.name(index) ?? source.describe(index),
      before: was,
      after: is,
      step: checkpoint.meta.step,
    }));
  });
}

interface Changed {
  readonly index: number;
  readonly was: Sha256;
  readonly is: Sha256;
}

/**
 * The files that differ; none where nobody has written down what they were.
 * @throws UserError where more than files differs.
 */
function changedFiles(
  use: string,
  { files, manifest }: Source,
  before: string,
  folders: readonly string[],
): Changed[] {
  const old = readDigests(folders, before);
  if (old === undefined || files === undefined) return [];
  const other = (what: string) =>
    new UserError(
      `the data changed since the checkpoint: ${nameOf(use)} ${what}; bring the data back as they were, or ` +
        'start a new run',
    );
  if (old.length !== 32 * manifest.count)
    throw other(`has ${manifest.count} images, expected ${old.length / 32}`);
  if (files.manifestOf(old) !== before) throw other('has other labels, or an order of its own');
  const hex = (digests: Uint8Array, index: number) =>
    Sha256.parse(Buffer.from(digests.subarray(32 * index, 32 * (index + 1))).toString('hex'));
  const changed: Changed[] = [];
  for (let index = 0; index < manifest.count; index++) {
    const [was, is] = [hex(old, index), hex(files.digests, index)];
    if (was !== is) changed.push({ index, was, is });
  }
  return changed;
}

/** Whether the run, up to its checkpoint, had read a sample. */
function usedBy(
  training: Training,
  use: string,
  checkpoint: LoadedCheckpoint,
  extra: CheckpointExtra,
): (changed: Changed) => boolean {
  const { knn, classify } = training.experiment.evaluation ?? {};
  // Before the first epoch all of them are judged; a probe sees them after the last one.
  const judged = extra.epochs.length > 0;
  if (use === 'evaluation.train') return () => judged && knn !== undefined;
  if (use === 'evaluation.test')
    return () => judged && (knn !== undefined || classify !== undefined);
  if (use !== 'train') return () => true;
  const { beforeEpoch, order, afterStep } = training.method;
  // What a method reads on the host, e.g. features of all images, it does not tell.
  const hosts = beforeEpoch !== undefined || order !== undefined || afterStep !== undefined;
  const begun = checkpoint.meta.step > 0 || extra.sums.before !== undefined;
  if (hosts) return () => begun;
  const trained = trainedOn(training, checkpoint);
  return ({ index }) => trained[index] === 1;
}

/** 1 for the samples of the steps up to a checkpoint. */
function trainedOn({ experiment, stepsPerEpoch, sources }: Training, { meta }: LoadedCheckpoint) {
  const { replicas, batch, data, compat } = experiment;
  const { dropLast, replacement } = data;
  const seed = compat.dataOrder === 'original' ? 0 : experiment.seed;
  const setup = { seed, replicas, batch, dropLast, replacement };
  const count = sources.train?.count ?? 0;
  const trained = new Uint8Array(count);
  let left = count;
  for (let epoch = 0; epoch <= meta.epoch && left > 0; epoch++) {
    const steps = epoch < meta.epoch ? stepsPerEpoch : meta.epochStep;
    const order = steps === 0 ? undefined : epochOrder(setup, count, epoch);
    for (let step = 0; order !== undefined && step < steps; step++)
      for (const index of stepIndices(setup, order, step)) {
        left -= 1 - (trained[index] ?? 0);
        trained[index] = 1;
      }
  }
  return trained;
}

function usedBefore(use: string, source: Source, used: readonly Changed[]): UserError {
  const shown = used.slice(0, SHOWN).map(({ index, was, is }) => {
    return `\n  ${source.describe(index)} has SHA-256 ${is}, expected ${was}`;
  });
  const more = used.length > SHOWN ? `\n  and ${used.length - SHOWN} more` : '';
  return new UserError(
    `the data changed since the checkpoint: of ${nameOf(use)}, the run has used images that are others ` +
      `now:${shown.join('')}${more}\nbring them back as they were, or start a new run`,
  );
}

/** A use as the experiment names it. */
export function nameOf(use: string): string {
  return use === 'train' ? 'data.train' : use;
}

/** What the log says of files with which a run goes on. */
export function repairText(repairs: readonly Repair[], step: number): string {
  const shown = repairs.slice(0, SHOWN).map(({ use, name }) => `${name} of ${nameOf(use)}`);
  const more = repairs.length > SHOWN ? `, and ${repairs.length - SHOWN} more` : '';
  const [they, are] = repairs.length === 1 ? ['it', 'is another'] : ['any of them', 'are others'];
  return (
    `${shown.join(', ')}${more} ${are} since the checkpoint at step ${step}; the run had not used ${they} ` +
    'and goes on with what is there now; the record says so (data.repaired)'
  );
}
