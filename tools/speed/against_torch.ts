import { resolve } from 'node:path';
import { caseName, type SpeedCase, type SpeedReport, summarise } from '../../reports/speed.ts';
import { root } from '../command/root.ts';
import { type BothOptions, loopCommands, stepCommands } from './both_sides.ts';
import { type Case, chosen, speedCases } from './cases.ts';
import { machine, today } from './machine.ts';
import { runsInPairs, stepsOf, turnsInPairs } from './pairs.ts';
import { readSpeedFile, withCase, writeSpeedFile } from './speed_file.ts';
import { startTimed } from './timed_process.ts';

export interface AgainstOptions extends BothOptions {
  /** Turns, or runs of a loop, of each side. */
  readonly pairs: number;
  readonly method: readonly string[];
  readonly case: readonly string[];
  /** Also measure the matrix-product rate. */
  readonly peak: boolean;
  /** Folder of the report. */
  readonly out: string;
  readonly date: string | undefined;
}

/**
 * Times steps and loops against PyTorch.
 * @param print is told of each case
 */
export async function speedAgainstTorch(
  options: AgainstOptions,
  print: (result: object) => void,
): Promise<void> {
  const cases = await speedCases();
  const { case: names, method: methods, files, out, date, peak } = options;
  const wanted = chosen(cases, { cases: names, methods, files });
  const here = { date: date ?? today(), machine: machine() };
  const roof = peak ? { peak: await matrixPeak(options.python) } : {};
  let { report, others } = readSpeedFile(out, { ...here, ...roof });
  for (const one of wanted) {
    const measured = await measuredCase(one, options);
    report = withCase(report, measured, cases);
    await writeSpeedFile(out, { report, others }); // a run that is cut short keeps what it has
    print({ case: caseName(measured), ...summarise(measured) });
  }
}

async function measuredCase(one: Case, options: AgainstOptions): Promise<SpeedCase> {
  const { shape, steps } = one;
  const { pairs } = options;
  if (shape.kind === 'loop')
    return { ...shape, pairs: await runsInPairs(await loopCommands(one, options), pairs) };
  const commands = stepCommands(one, stepsOf(one, pairs), options);
  return { ...shape, turn: steps, pairs: await turnsInPairs(one, commands, pairs) };
}

/** 10^9 operations a second of the fastest matrix product. */
async function matrixPeak(python: string): Promise<NonNullable<SpeedReport['peak']>> {
  const script = resolve(root, 'tools/torch/matmul_peak.py');
  const lines = await startTimed([python, script]).rest();
  const best = (precision: string) =>
    Math.max(
      ...lines.filter((line) => line.precision === precision).map((line) => Number(line.gflops)),
    );
  return { fp32: best('fp32'), bf16: best('bf16') };
}
