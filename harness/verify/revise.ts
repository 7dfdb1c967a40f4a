import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFolder, readJson, writeAtomic } from '../base/index.ts';
import { FORMER_FORMAT } from '../record/former.ts';
import { readRecord, recordText } from '../record/record.ts';
import { isFormerGolden } from './former_golden.ts';
import { goldenPath, readGolden, writeGolden } from './golden.ts';

/** A file that was moved to today's format. */
export interface Revised {
  readonly from: string;
  readonly to: string;
  readonly experiment: string;
  /** Ids of the experiment. */
  readonly before: string;
  readonly after: string;
}

/**
 * Moves all goldens of a folder that are in the former format to today's: nothing is run, every state hash
 * is kept, and the log of each says what it was. Those of today stay as they are.
 * @throws UserError for a golden that does not fit its seal; those before it are moved by then.
 */
export async function reviseGoldens(folder: string): Promise<Revised[]> {
  const revised: Revised[] = [];
  for (const from of filesUnder(folder)) {
    if (!isFormerGolden(readJson(from, 'a golden'))) continue;
    const { record, seal: _, ...golden } = readGolden(from);
    const to = goldenPath(folder, record);
    mkdirSync(dirname(to), { recursive: true });
    await writeGolden(to, { ...golden, record });
    if (to !== from) removeWithFolder(from);
    revised.push(described(from, to, record));
  }
  return revised;
}

/** Moves all records of a folder that are in the former format to today's, in place. */
export async function reviseRecords(folder: string): Promise<Revised[]> {
  const revised: Revised[] = [];
  for (const name of readFolder(folder).sort()) {
    const file = join(folder, name);
    if (!name.endsWith('.json') || name.endsWith('.weights.json')) continue;
    const json = readJson(file, 'the record of a run');
    if (!Object(json).format || Object(json).format !== FORMER_FORMAT) continue;
    const record = readRecord(file);
    await writeAtomic(file, recordText(record));
    revised.push(described(file, file, record));
  }
  return revised;
}

function described(from: string, to: string, record: ReturnType<typeof readRecord>): Revised {
  const { experiment, experimentId: after, revised } = record;
  return { from, to, experiment: experiment.name, before: revised?.experimentId ?? after, after };
}

/** `FOLDER/<12 digits of an id>/<platform>.json`, in order. */
function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{12}$/.test(entry.name))
    .flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => join(folder, name, file)))
    .sort();
}

function removeWithFolder(file: string): void {
  rmSync(file);
  const folder = dirname(file);
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
