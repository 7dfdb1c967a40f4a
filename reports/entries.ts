import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { kindOfPath, parse, readFolder, readJson, UserError } from '../harness/base/index.ts';
import { Publication } from '../harness/publish/publish.ts';
import { type RunRecord, readRecord } from '../harness/record/record.ts';

/** One run of the zoo. */
export interface Entry {
  /** Name of its files: `reports/records/KEY.json`, `reports/curves/KEY.svg`. */
  readonly key: string;
  readonly record: RunRecord;
  /** The weights made of it, where they were published. */
  readonly weights?: Publication;
  /** Why it is no result of today's code, where somebody looked and it is none. */
  readonly earlier?: string;
}

/** What the tables need of an experiment; the rest may be of a newer or older schema. */
const Described = z.looseObject({
  name: z.string(),
  method: z.looseObject({ kind: z.string() }),
  backbone: z.looseObject({ depth: z.number(), width: z.number().default(1) }),
  data: z.looseObject({ train: z.looseObject({ kind: z.string() }), size: z.number() }),
  epochs: z.number(),
  batch: z.number(),
  replicas: z.number(),
  precision: z.string(),
});

/**
 * The records of a folder, checked, in order of file name: `KEY.json`, and `KEY.weights.json` where
 * weights were published.
 * @throws UserError for a record or publication that does not fit.
 */
export function readEntries(folder: string): Entry[] {
  const names = kindOfPath(folder) === undefined ? [] : readFolder(folder).sort();
  return names
    .filter((name) => name.endsWith('.json') && !name.endsWith('.weights.json'))
    .map((name) => {
      const key = basename(name, '.json');
      return entryOf(key, join(folder, name), join(folder, `${key}.weights.json`));
    });
}

/** The runs of a folder of work directories, `DIR/NAME/record.json`, by name of the directory. */
export function readWorkDirs(folder: string): Entry[] {
  const names = kindOfPath(folder) === undefined ? [] : readFolder(folder).sort();
  return names
    .filter((name) => existsSync(join(folder, name, 'record.json')))
    .map((name) =>
      entryOf(name, join(folder, name, 'record.json'), join(folder, name, 'published.json')),
    );
}

function entryOf(key: string, recordFile: string, weightsFile: string): Entry {
  const record = readRecord(recordFile);
  if (!existsSync(weightsFile)) return { key, record };
  const weights = parse(
    Publication,
    readJson(weightsFile, 'a note of published weights'),
    weightsFile,
  );
  if (record.epochs[weights.epoch]?.stateHash !== weights.stateHash)
    throw new UserError(
      `${weightsFile} is not of the run beside it: its state ${weights.stateHash} is not that of ` +
        `epoch ${weights.epoch} in ${recordFile}; publish the weights again`,
    );
  return { key, record, weights };
}

/** What the tables need of a run's experiment. @throws UserError where it lacks something. */
export function describedBy({ key, record }: Entry): z.infer<typeof Described> {
  return parse(Described, record.experiment, `experiment of ${key}`);
}

/** Whether an entry is of a training; else it is of a benchmark. */
export function isTraining({ record }: Entry): boolean {
  return !('benchmark' in record.experiment);
}
