import { join } from 'node:path';
import { sha256Json, UserError } from '../../harness/base/index.ts';
import { numericsLine } from '../../harness/record/numerics.ts';
import { bless, cleanCommit } from '../../harness/verify/bless.ts';
import { root } from '../command/root.ts';
import { pinnableOf, subjectFrom } from '../command/subject.ts';
import { untilInterrupted } from '../command/until_interrupted.ts';
import { goldenFolder } from './goldens.ts';
import { perturbedRun } from './perturbed_run.ts';

/** As the command line of scripts/bless.mjs has it. */
export interface BlessLine {
  readonly data: string;
  readonly reason: string | undefined;
  readonly runs: number;
  readonly horizon: number | undefined;
  readonly from: string | undefined;
  readonly set: readonly string[];
}

/**
 * Pins a run of one experiment.
 * @param print is told what was written
 * @throws UserError
 */
export async function blessOne(
  names: readonly string[],
  { data, reason, runs, horizon, from, set }: BlessLine,
  tell: (message: string) => void,
  print: (result: object, text: string) => void,
): Promise<void> {
  const [name, ...others] = names;
  if (name === undefined || others.length > 0)
    throw new UserError(`bless pins one experiment, found ${names.join(' ') || 'none'}`);
  if (reason === undefined) throw new UserError('bless needs --reason TEXT');
  const commit = cleanCommit(root);
  const pinnable = pinnableOf(await subjectFrom(name, { set }), data);
  const request = {
    pinnable,
    reason,
    runs,
    horizon,
    from,
    commit,
    folder: goldenFolder,
    command: ['npx zx scripts/bless.mjs', name, ...set.map((one) => `--set ${one}`)].join(' '),
    // Runs of another commit are never gone on with.
    workDir: join(
      'work_dirs/bless',
      pinnable.experiment.name,
      `${commit.slice(0, 12)}-${sha256Json(pinnable.experiment).slice(0, 12)}`,
    ),
    tell,
  };
  const { path, blessing, written, record } = await untilInterrupted(
    'stopping after this step and saving',
    (signal) =>
      bless({ ...request, signal, runPerturbed: (run) => perturbedRun(run, data, signal) }),
  );
  const { differences, first } = blessing;
  const where = first === undefined ? '' : `, first ${first.metric} of epoch ${first.epoch}`;
  const changed =
    differences.length === 0
      ? 'no number is another than before'
      : `${differences.length} numbers are others than before${where}`;
  const line = numericsLine(record, record.epochs.at(-1)?.stateHash);
  const text = written ? `wrote ${path}\n${changed}` : `kept ${path}`;
  print({ path, written, ...blessing }, `${text}\n${line}`);
}
