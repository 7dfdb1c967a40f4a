import { z } from 'zod';
import { parse, readText, UserError } from '../../harness/base/index.ts';
import { metricsOf } from '../../harness/record/entries.ts';
import { type RunRecord, readRecord } from '../../harness/record/record.ts';
import { type Comparison, comparison } from '../../reports/pytorch.ts';

/** A line of `losses.jsonl`, or of moco_cifar10.py: a loss, the k-NN after a step, or something else. */
const Line = z.looseObject({
  step: z.number().default(Number.NaN),
  loss: z.number().optional(),
  knn_top1: z.number().optional(),
});
export type Line = z.infer<typeof Line>;

type Side = Comparison['ours'];

export interface ComparedFiles {
  /** Our run, finished. */
  readonly workDir: string;
  /** JSON lines of the whole run in PyTorch. */
  readonly theirs: string;
  /** `losses.jsonl` of an fp32 trace of ours, and the JSON lines of PyTorch on that trace. */
  readonly firstOurs: string;
  readonly firstTheirs: string;
}

/** Our run beside the same run in PyTorch. */
export function compareWithTorch(
  { workDir, theirs, firstOurs, firstTheirs }: ComparedFiles,
  told: Pick<Comparison, 'date' | 'torch'>,
): Comparison {
  const record = readRecord(workDir);
  const last = record.epochs.at(-1);
  if (last === undefined) throw new Error(`${workDir}: its record has no epoch`);
  return comparison.parse({
    ...told,
    experiment: record.experiment.name,
    experimentId: record.experimentId,
    firstSteps: differences(linesOf(firstOurs), linesOf(firstTheirs)),
    ours: ourSide(record),
    theirs: theirSide(linesOf(theirs), last.step / last.epoch),
  });
}

function linesOf(file: string): Line[] {
  return readText(file)
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [lineOf(line, `${file} line ${i + 1}`)]));
}

function lineOf(text: string, what: string): Line {
  try {
    return parse(Line, JSON.parse(text), what);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${what} is no JSON: "${text.slice(0, 40)}"`, { cause });
  }
}

function ourSide({ epochs }: RunRecord): Side {
  const values = (metric: string) =>
    epochs.flatMap(({ epoch, metrics }) => {
      const value = metricsOf(metrics)[metric];
      return value === undefined ? [] : [{ epoch, value }];
    });
  return { knn: values('knn_top1'), loss: values('loss') };
}

/** Relative difference of the losses of each step that both have. */
export function differences(ours: readonly Line[], theirs: readonly Line[]): number[] {
  const other = new Map(
    theirs.flatMap(({ step, loss = 0 }) => (loss > 0 ? [[step, loss] as const] : [])),
  );
  return ours.flatMap(({ step, loss }) => {
    const reference = other.get(step);
    if (loss === undefined || reference === undefined) return [];
    return [Math.abs(loss - reference) / reference];
  });
}

/**
 * Mean losses and k-NN by epoch of PyTorch's lines.
 * @param perEpoch steps of an epoch
 */
export function theirSide(lines: readonly Line[], perEpoch: number): Side {
  const losses = lines.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
  const mean = (epoch: number) => {
    const some = losses.slice((epoch - 1) * perEpoch, epoch * perEpoch);
    return some.reduce((sum, loss) => sum + loss, 0) / some.length;
  };
  const length = Math.floor(losses.length / perEpoch);
  const knn = new Map(
    lines.flatMap(({ step, knn_top1: value }) =>
      value === undefined ? [] : [[step / perEpoch, value] as const],
    ),
  );
  return {
    loss: Array.from({ length }, (_, i) => ({ epoch: i + 1, value: mean(i + 1) })),
    knn: [...knn].map(([epoch, value]) => ({ epoch, value })),
  };
}
