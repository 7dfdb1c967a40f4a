import { existsSync } from 'node:fs';
import { readText, writeAtomic } from '../base/index.ts';
import { wholeLines } from './step_file.ts';

/** Where a run goes on; as in `LogSetup`. */
interface Resumed {
  readonly resumeStep: number;
  readonly resumeEpochs?: number;
  readonly stepsPerEpoch: number;
}

/** Takes out of a `log.json` what a resumed run will write again, and what a crash damaged. */
export async function forgetLines(path: string, setup: Resumed): Promise<void> {
  const { resumeStep, stepsPerEpoch } = setup;
  const resumeEpochs = resumedEpochs(setup);
  if (!existsSync(path)) return;
  const kept = wholeLines(readText(path)).filter((line) => {
    const entry = entryOf(line);
    if (entry === undefined) return false; // damaged by a crash
    const { mode, epoch, iter } = entry;
    if (typeof epoch !== 'number' || typeof iter !== 'number') return true;
    if (mode === 'val') return epoch <= resumeEpochs;
    return (epoch - 1) * stepsPerEpoch + iter <= resumeStep;
  });
  await writeAtomic(path, kept.join(''));
}

interface LoggedEntry {
  readonly mode?: unknown;
  readonly epoch?: unknown;
  readonly iter?: unknown;
}

function entryOf(line: string): LoggedEntry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return entry instanceof Object ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Epochs whose evaluation is done. */
export function resumedEpochs({ resumeEpochs, resumeStep, stepsPerEpoch }: Resumed): number {
  return resumeEpochs ?? Math.floor(resumeStep / stepsPerEpoch);
}
