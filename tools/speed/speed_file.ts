import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { kindOfPath, readJson, writeAtomic } from '../../harness/base/index.ts';
import {
  caseName,
  type SpeedCase,
  type SpeedReport,
  speedMarkdown,
  speedReports,
} from '../../reports/speed.ts';
import type { Case } from './cases.ts';

/** reports/speed.json, the report of each machine that was measured, and the page of it. */
export interface SpeedFile {
  /** This machine's so far. */
  readonly report: SpeedReport;
  /** Of other machines. */
  readonly others: readonly SpeedReport[];
}

/** @param here of this machine, with what is to be said now */
export function readSpeedFile(folder: string, here: Omit<SpeedReport, 'cases'>): SpeedFile {
  const path = resolve(folder, 'speed.json');
  const kept =
    kindOfPath(path) === undefined
      ? []
      : speedReports.parse(readJson(path, 'the numbers of a report'));
  const isHere = (one: SpeedReport) => isDeepStrictEqual(one.machine, here.machine);
  const before = kept.find(isHere) ?? { cases: [] };
  return { report: { ...before, ...here }, others: kept.filter((one) => !isHere(one)) };
}

export async function writeSpeedFile(folder: string, { report, others }: SpeedFile): Promise<void> {
  const reports = speedReports.parse([...others, report]);
  await writeAtomic(resolve(folder, 'speed.json'), `${JSON.stringify(reports, null, 2)}\n`);
  await writeAtomic(resolve(folder, 'speed.md'), speedMarkdown(reports));
}

/** A report with a case in place of an older one. @param order of all cases */
export function withCase(
  report: SpeedReport,
  measured: SpeedCase,
  order: readonly Case[],
): SpeedReport {
  const names = order.map(({ shape }) => caseName(shape));
  const place = (one: SpeedCase) => names.indexOf(caseName(one));
  const others = report.cases.filter((one) => caseName(one) !== caseName(measured));
  return { ...report, cases: [...others, measured].sort((a, b) => place(a) - place(b)) };
}
