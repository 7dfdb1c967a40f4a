import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import { type Entry, isTraining } from '../../reports/entries.ts';
import { isEarlier, type Standing } from '../../reports/standing.ts';

/** A run that is made again, with the benchmarks on its weights; or benchmarks of random weights alone. */
export interface Remake {
  readonly training: Entry | undefined;
  /** Every benchmark on its weights: which of them are run again follows from the weights that it gives. */
  readonly benchmarks: readonly Entry[];
}

/** What weights are called that come from a seed alone. */
const RANDOM = 'random';

/**
 * What has to be made again, in order of name: trainings that are no results of today's code, or whose benchmarks are
 * none, as weights are not among the records.
 * @param names of trainings, and `random` for benchmarks of random weights; all that need it where there are none
 * @throws UserError for a name that no record has.
 */
export function remakesOf(
  entries: readonly Entry[],
  standings: ReadonlyMap<string, Standing>,
  names: readonly string[],
): Remake[] {
  const trainings = entries.filter(isTraining);
  const known = trainings.map(({ record }) => record.experiment.name);
  const strange = names.find((name) => name !== RANDOM && !known.includes(name));
  if (strange !== undefined)
    throw new UserError(
      `there is no record of a training ${strange}; those are: ${known.join(', ')}; and ${RANDOM} for benchmarks of random weights`,
    );
  const stale = ({ key }: Entry) => isEarlier(standings.get(key));
  const all = trainings.map((training): Remake => {
    const benchmarks = entries.filter((entry) => isOn(entry, training));
    return { training, benchmarks };
  });
  const chosen = all.filter(
    ({ training, benchmarks }) =>
      training !== undefined &&
      (names.length === 0 || names.includes(training.record.experiment.name)) &&
      (stale(training) || training.weights === undefined || benchmarks.some(stale)),
  );
  const random = entries.filter((entry) => !isTraining(entry) && stale(entry) && isRandom(entry));
  const asked = names.length === 0 || names.includes(RANDOM);
  if (random.length === 0 || !asked) return chosen;
  return [...chosen, { training: undefined, benchmarks: random }];
}

function isOn(entry: Entry, { record }: Entry): boolean {
  return !isTraining(entry) && entry.record.environment.weightsExperiment === record.experimentId;
}

function isRandom({ record }: Entry): boolean {
  return (record.experiment.weights as { kind?: unknown }).kind === RANDOM;
}

/**
 * Looks for the data of all runs before the first begins.
 * @throws UserError naming every folder and file that is not there, and what needs it.
 */
export function checkRemakeData(remakes: readonly Remake[], data: string): void {
  const needed = new Map<string, string[]>();
  for (const { training, benchmarks } of remakes)
    for (const { key, record } of [...(training === undefined ? [] : [training]), ...benchmarks])
      for (const path of pathsIn(record.experiment))
        if (!existsSync(resolve(data, path))) needed.set(path, [...(needed.get(path) ?? []), key]);
  if (needed.size === 0) return;
  const lines = [...needed].map(([path, keys]) => {
    const [first = '', ...others] = [...new Set(keys)];
    return `${path}, for ${first}${others.length === 0 ? '' : ` and ${others.length} more`}`;
  });
  throw new UserError(
    `--data ${data}: not there is ${lines.join('; ')}; name the folder of data sets, or fetch them ` +
      'with scripts/prepare.mjs',
  );
}

/** Where the data of an experiment lie, as its sources say. */
function pathsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { kind, root, file } = value as Record<string, unknown>;
  const own = [root, file].filter((path) => typeof path === 'string');
  const inside = Object.values(value).flatMap(pathsIn);
  return kind === undefined ? inside : [...own, ...inside];
}
