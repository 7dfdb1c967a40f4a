import { benchmarks } from '../benchmarks/index.ts';
import { methods } from '../methods/index.ts';
import type { Entry } from './entries.ts';
import { standingsOf, withStandings } from './standing.ts';
import { entriesIn, writeZoo } from './write_pages.ts';

/** What was written, and what of it is to be told. */
export interface Written {
  /** The zoo's page. */
  readonly file: string;
  readonly entries: readonly Entry[];
  /** A line for each record of which it cannot be told whether it is a result of today's code. */
  readonly remarks: readonly string[];
}

/**
 * Writes the zoo and its comparisons, in which every record is marked that is no result of today's code.
 * @param workDirs folder of runs that are listed too
 */
export async function writeStanding(folder: string, workDirs?: string): Promise<Written> {
  const entries = entriesIn(folder, workDirs);
  const standings = await standingsOf(entries, { methods, benchmarks });
  const remarks = [...standings].flatMap(([key, standing]) =>
    standing.kind === 'unknown'
      ? [`${key}: whether it is a result of today's code cannot be told: ${standing.why}`]
      : [],
  );
  const marked = withStandings(entries, standings);
  return { file: await writeZoo(folder, marked), entries: marked, remarks };
}

/** What was written, and how much of it is marked. */
export function writtenText({ file, entries }: Written): string {
  const earlier = entries.filter((entry) => entry.earlier !== undefined).length;
  const marked =
    earlier === 0
      ? ''
      : `; ${earlier} of them no results of today's code: see scripts/remake.mjs --list`;
  return `wrote ${file}: ${entries.length} runs${marked}`;
}
