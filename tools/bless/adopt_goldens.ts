import { join } from 'node:path';
import { sha256Json, UserError } from '../../harness/base/index.ts';
import { numericsLine } from '../../harness/record/numerics.ts';
import { type Adoption, adopt } from '../../harness/verify/adopt.ts';
import { cleanCommit } from '../../harness/verify/bless.ts';
import { verdictText } from '../../harness/verify/golden_verdict.ts';
import { eachAlone } from '../command/each_alone.ts';
import { root } from '../command/root.ts';
import { pinnableOf, subjectFrom } from '../command/subject.ts';
import { untilInterrupted } from '../command/until_interrupted.ts';
import { today } from '../speed/machine.ts';
import { goldenExperiments, goldenFolder } from './goldens.ts';

export interface AdoptLine {
  readonly data: string;
  readonly set: readonly string[];
  /** Every golden there is. */
  readonly all: boolean;
}

const FOLDER = 'work_dirs/adopt';
const DOING = 'stopping after this step and saving';

/**
 * Runs experiments that have goldens, and gives those that are met bit by bit the id of this machine's numerics.
 * @param print is told what came of each
 * @returns the exit code: 1 where one is not met
 * @throws UserError
 */
export async function adoptGoldens(
  names: readonly string[],
  { data, set, all }: AdoptLine,
  tell: (message: string) => void,
  print: (result: object, text: string) => void,
): Promise<number> {
  if (all !== (names.length === 0))
    throw new UserError('--adopt takes the names of experiments, or --all');
  const chosen = all ? await goldenExperiments(FOLDER) : names;
  const [name, ...others] = chosen;
  if (name === undefined) throw new UserError(`${goldenFolder} holds no golden`);
  const sets = set.flatMap((one) => ['--set', one]);
  if (others.length > 0)
    return untilInterrupted(DOING, (signal) => {
      const lines = chosen.map((one) => ['--adopt', one, '--data', data, ...sets]);
      return eachAlone('bless.mjs', lines, signal);
    });
  const commit = cleanCommit(root);
  const pinnable = pinnableOf(await subjectFrom(name, { set }), data);
  const adoption = await untilInterrupted(DOING, (signal) =>
    adopt({
      pinnable,
      folder: goldenFolder,
      command: ['npx zx scripts/bless.mjs --adopt', pinnable.experiment.name, ...sets].join(' '),
      commit,
      date: today(),
      // Runs of another commit are never gone on with.
      workDir: join(FOLDER, commit.slice(0, 12), sha256Json(pinnable.experiment).slice(0, 12)),
      signal,
      tell,
    }),
  );
  const { record: _, ...shown } = adoption;
  print(shown, adoptionText(adoption));
  return adoption.kind === 'missed' ? 1 : 0;
}

function adoptionText({ kind, path, id, verdict, record }: Adoption): string {
  const line = numericsLine(record, record.epochs.at(-1)?.stateHash);
  if (kind === 'missed') return `${verdictText(verdict)}\nkept ${path}\n${line}`;
  const words = kind === 'adopted' ? `adopted as ${path}` : `${path} has the id ${id} already`;
  return `${verdict.summary}\n${words}\n${line}`;
}
