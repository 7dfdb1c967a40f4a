import { join } from 'node:path';
import { inTemporaryFolder, sha256Json, UserError } from '../../harness/base/index.ts';
import { cpuText, platformId } from '../../harness/record/numerics.ts';
import { type RunRecord, readRecord } from '../../harness/record/record.ts';
import { cleanCommit } from '../../harness/verify/bless.ts';
import { goldensOf } from '../../harness/verify/golden.ts';
import type { Golden } from '../../harness/verify/golden_schema.ts';
import { exactVerdict, verdictText } from '../../harness/verify/golden_verdict.ts';
import {
  type Meeting,
  readMeetings,
  withMeeting,
  writePlatforms,
} from '../../reports/platforms.ts';
import { allGoldens, goldenExperiments, goldenFolder } from '../bless/goldens.ts';
import { eachAlone } from '../command/each_alone.ts';
import { root } from '../command/root.ts';
import { pinnableOf, subjectFrom } from '../command/subject.ts';
import { untilInterrupted } from '../command/until_interrupted.ts';
import { today } from '../speed/machine.ts';

/** As the command line of scripts/platforms.mjs has it. */
export interface PlatformsLine {
  readonly data: string;
  readonly set: readonly string[];
  readonly all: boolean;
  /** Work directories of finished runs. */
  readonly from: readonly string[];
}

interface Hearer {
  readonly tell: (message: string) => void;
  readonly print: (result: object, text: string) => void;
}

const FOLDER = 'work_dirs/platforms';

/** Makes the page anew from what is kept and the goldens of today. */
export function platformsPage(folder: string): Promise<string> {
  return writePlatforms(folder, readMeetings(folder), allGoldens(goldenFolder));
}

/**
 * Holds runs to the goldens of their experiments, bit by bit, and adds a row for each that is met.
 * @param names experiments to run here; none with `from` or `all`
 * @param folder of reports
 * @returns the exit code: 1 where a golden is not met
 * @throws UserError
 */
export async function addPlatforms(
  names: readonly string[],
  line: PlatformsLine,
  folder: string,
  { tell, print }: Hearer,
): Promise<number> {
  const { all, from, data, set } = line;
  if ([all, from.length > 0, names.length > 0].filter(Boolean).length !== 1)
    throw new UserError('--add takes the names of experiments, --from WORK_DIR, or --all');
  if (all || names.length > 1)
    return inTemporaryFolder('platforms-', (temporary) =>
      untilInterrupted('stopping after this step and saving', async (signal) => {
        const chosen = all ? await goldenExperiments(temporary) : names;
        const more = ['--out', folder, '--data', data, ...set.flatMap((one) => ['--set', one])];
        return eachAlone(
          'platforms.mjs',
          chosen.map((name) => ['--add', name, ...more]),
          signal,
        );
      }),
    );
  const commit = cleanCommit(root);
  const records = from.length > 0 ? from.map(readRecord) : [await runOf(names, line, commit, tell)];
  let code = 0;
  for (const record of records) {
    const { golden, text } = metBy(record);
    if (golden === undefined) {
      print({ experiment: record.experiment.name, met: false }, text);
      code = 1;
      continue;
    }
    const added = meetingOf(record, golden, commit);
    const meetings = withMeeting(readMeetings(folder), added);
    const page = await writePlatforms(folder, meetings, allGoldens(goldenFolder));
    print({ ...added, met: true, page }, `${text}\nwrote ${page}`);
  }
  return code;
}

async function runOf(
  [name = '']: readonly string[],
  { data, set }: PlatformsLine,
  commit: string,
  tell: (message: string) => void,
): Promise<RunRecord> {
  const { experiment, run, epochs } = pinnableOf(await subjectFrom(name, { set }), data);
  const experimentId = sha256Json(experiment);
  const horizons = [...goldensOf(goldenFolder, { experimentId }).values()].map((it) => it.horizon);
  const terminal = {
    write: (text: string) => {
      tell(text.trimEnd());
      return true;
    },
  };
  const workDir = join(FOLDER, commit.slice(0, 12), experimentId.slice(0, 12));
  const stopAfterEpoch = Math.min(epochs, Math.max(0, ...horizons));
  if (stopAfterEpoch === 0) throw new UserError(`${experiment.name}: there is no golden of it`);
  return untilInterrupted('stopping after this step and saving', (signal) =>
    run({ workDir, stopAfterEpoch, signal, terminal }),
  );
}

/** The golden that a run meets bit by bit, to the end of what is pinned; else why there is none. */
function metBy(record: RunRecord): { readonly golden?: Golden; readonly text: string } {
  const { name } = record.experiment;
  const verdicts = [...goldensOf(goldenFolder, record).values()].map((golden) => ({
    golden,
    verdict: exactVerdict(record, golden),
  }));
  const met = verdicts.find(
    ({ golden, verdict }) => verdict.pass && record.epochs.length > golden.horizon,
  );
  if (met !== undefined) return { golden: met.golden, text: met.verdict.summary };
  const [first] = verdicts;
  if (first === undefined) return { text: `${name}: there is no golden of it` };
  if (first.verdict.pass)
    return {
      text: `${name}: the run ends before the ${first.golden.horizon} epochs that are pinned`,
    };
  return { text: verdictText(first.verdict) };
}

function meetingOf(record: RunRecord, { record: pinned }: Golden, commit: string): Meeting {
  const { experiment, experimentId, fingerprint } = record;
  const chain = pinned.epochs.at(-1)?.chain;
  if (chain === undefined) throw new Error('platforms: a golden without epochs');
  return {
    experiment: experiment.name,
    experimentId,
    chain,
    platform: platformId(record),
    cpu: cpuText(fingerprint),
    fingerprint: fingerprint.id,
    date: today(),
    commit,
  };
}
