import { markdownTable } from 'markdown-table';
import { z } from 'zod';

/** What a timed run prints as its last line, on our side and on PyTorch's. */
export const timedRun = z.looseObject({
  framework: z.string(),
  version: z.string(),
  threads: z.number(),
  /** Milliseconds of a step: the median of a run, the mean of a turn. */
  step_ms: z.number().positive(),
  /** Of these, milliseconds inside the session run; ours only. */
  session_ms: z.number().positive().optional(),
  /** Source images a second; a method with two views sees two crops of each. */
  images_per_second: z.number().positive(),
  /** Largest resident memory of the process, MiB. */
  peak_rss_mb: z.number().positive(),
  /** What loader processes, PyTorch's, have to themselves at the end, MiB; our threads are in the peak. */
  workers_private_mb: z.number().nonnegative().optional(),
});
export type TimedRun = z.infer<typeof timedRun>;

const pair = z.strictObject({ ours: timedRun, torch: timedRun });

const speedCase = z.strictObject({
  method: z.string().default('moco'),
  /** `step`: one training step on data in memory; `loop`: from JPEG files to updated weights. */
  kind: z.enum(['step', 'loop']),
  depth: z.int(),
  size: z.int(),
  batch: z.int(),
  precision: z.enum(['fp32', 'bf16']),
  /** Images a second over PyTorch's that we hold ourselves to. */
  target: z.number().optional(),
  /** Steps of each turn of two processes that run in turns; absent where pairs are whole runs. */
  turn: z.int().optional(),
  pairs: z.array(pair).min(1).readonly(),
});
export type SpeedCase = z.infer<typeof speedCase>;

/** What was measured on one machine; figures of two machines say nothing about each other. */
export const speedReport = z.strictObject({
  date: z.string(),
  machine: z.strictObject({
    cpu: z.string(),
    /** Family and model, as one name may stand for many; absent in reports from before it was kept. */
    model: z.string().optional(),
    cores: z.int(),
    memoryGiB: z.number(),
    /** Instruction sets that decide between kernels. */
    features: z.array(z.string()).readonly(),
  }),
  /** Rate of the fastest large matrix product measured beside the runs, 10^9 operations/s. */
  peak: z.strictObject({ fp32: z.number(), bf16: z.number() }).optional(),
  cases: z.array(speedCase).readonly(),
});
export type SpeedReport = z.infer<typeof speedReport>;
export const speedReports = z.array(speedReport).readonly();

export interface Side {
  readonly imagesPerSecond: number;
  readonly stepMs: number;
  readonly peakMiB: number;
}

export interface Summary {
  readonly ours: Side;
  readonly torch: Side;
  /** Images a second over PyTorch's, pair by pair: a machine that drifts slows both of a pair. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
  /** Part of our step that is not spent in the session run, where it was measured. */
  readonly outside: number | undefined;
  /** Whether the target holds, where there is one. */
  readonly met: boolean | undefined;
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const high = sorted[half];
  if (high === undefined) throw new Error('median: no values');
  return sorted.length % 2 === 1 ? high : (high + (sorted[half - 1] ?? high)) / 2;
}

export function summarise({ pairs, target }: SpeedCase): Summary {
  const ratios = pairs.map(({ ours, torch }) => ours.images_per_second / torch.images_per_second);
  const outside = pairs.flatMap(({ ours: { step_ms, session_ms } }) =>
    session_ms === undefined ? [] : [1 - session_ms / step_ms],
  );
  const ratio = {
    median: median(ratios),
    low: Math.min(...ratios),
    high: Math.max(...ratios),
  };
  return {
    ours: sideOf(pairs.map(({ ours }) => ours)),
    torch: sideOf(pairs.map(({ torch }) => torch)),
    ratio,
    outside: outside.length > 0 ? median(outside) : undefined,
    met: target === undefined ? undefined : ratio.median >= target,
  };
}

function sideOf(runs: readonly TimedRun[]): Side {
  return {
    imagesPerSecond: median(runs.map((run) => run.images_per_second)),
    stepMs: median(runs.map((run) => run.step_ms)),
    peakMiB: median(runs.map((run) => run.peak_rss_mb + (run.workers_private_mb ?? 0))),
  };
}

/** `moco step 50/224/8 fp32`: method, kind, depth, size, batch, precision. */
export function caseName(c: Omit<SpeedCase, 'pairs'>): string {
  return `${c.method} ${c.kind} ${c.depth}/${c.size}/${c.batch} ${c.precision}`;
}

// Convolutions and matrix products of one MoCo v2 step with a queue of 65,536 keys, 10^9 operations
// (2 per multiply-add) for each source image, as torch.utils.flop_counter counts them.
const GFLOP_PER_IMAGE: Readonly<Record<string, number>> = { '50/224': 32.53, '18/32': 0.3275 };

/** All machines as one markdown page. */
export function speedMarkdown(reports: readonly SpeedReport[]): string {
  return [
    '# Speed',
    '',
    'Generated by `scripts/bench_step.mjs`; not edited by hand. The two sides are processes of their own. Where a number of steps stands by the pairs, both were there at once and took turns of that many steps, so that they saw the same minutes of the machine; the others are whole runs, one after another. Figures are medians over the pairs, the ratio is taken pair by pair. A `step` has its data in memory; a `loop` goes from JPEG files to updated weights; its peak has the loader in it: our threads and, of the processes that load for PyTorch, what they have to themselves (not counted on machines below that are named without their model). Sizes are those of a view, images those of the data set: Relative Location sees nine patches of an image, Rotation four turns. MoCo is v2; networks and memories of all methods are the `speed` of `methods/*.recipes.ts`.',
    '',
    ...reports.flatMap(sectionOf),
  ].join('\n');
}

function sectionOf({ date, machine, peak, cases }: SpeedReport): string[] {
  const first = cases[0]?.pairs[0];
  const sides = first ? `${versionOf(first.ours)} against ${versionOf(first.torch)}` : '';
  const roof = peak
    ? ` The fastest matrix product measured beside the runs: ${peak.fp32.toFixed(0)} GFLOP/s in fp32, ${peak.bf16.toFixed(0)} in bf16.`
    : '';
  return [
    `## ${nameOf(machine)}, ${machine.cores} cores, ${machine.memoryGiB} GiB`,
    '',
    `${date}: ${sides}; ${machine.features.join(', ')}.${roof}`,
    '',
    markdownTable([HEADER, ...cases.map((c) => rowOf(c, peak))], { align: ALIGN }),
    '',
    ...loaderLines(cases),
  ];
}

function nameOf({ cpu, model }: SpeedReport['machine']): string {
  return model === undefined ? cpu : `${cpu} (${model})`;
}

/** How much of the bare step's rate is left when images come from files. */
function loaderLines(cases: readonly SpeedCase[]): string[] {
  const lines = cases.flatMap((loop) => {
    const bare = cases.find((c) => caseName(c) === caseName({ ...loop, kind: 'step' }));
    if (loop.kind !== 'loop' || bare === undefined) return [];
    const share = summarise(loop).ours.imagesPerSecond / summarise(bare).ours.imagesPerSecond;
    const shape = `${loop.depth}/${loop.size}/${loop.batch} ${loop.precision}`;
    return [`- ${loop.method} ${shape}: ${(100 * share).toFixed(1)} %`];
  });
  if (lines.length === 0) return [];
  return ['Our images/s from files, of those of the bare step:', '', ...lines, ''];
}

const HEADER = [
  'method, depth/size/batch',
  'images/s',
  'PyTorch images/s',
  'ratio (lowest–highest)',
  'target',
  'pairs',
  'peak MiB',
  'PyTorch peak MiB',
  'outside the session',
  'of the matrix-product rate',
];
const ALIGN = ['l', ...HEADER.slice(1).map(() => 'r')];

function rowOf(c: SpeedCase, peak: SpeedReport['peak']): string[] {
  const { ours, torch, ratio, outside, met } = summarise(c);
  const gflop = c.method === 'moco' ? GFLOP_PER_IMAGE[`${c.depth}/${c.size}`] : undefined;
  const share = peak && gflop ? (gflop * ours.imagesPerSecond) / peak[c.precision] : undefined;
  return [
    caseName(c),
    ours.imagesPerSecond.toFixed(2),
    torch.imagesPerSecond.toFixed(2),
    `**${ratio.median.toFixed(2)}** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
    c.target === undefined ? '' : `${c.target.toFixed(2)} ${met ? 'met' : 'missed'}`,
    c.turn === undefined ? String(c.pairs.length) : `${c.pairs.length} × ${c.turn} steps`,
    ours.peakMiB.toFixed(0),
    torch.peakMiB.toFixed(0),
    percent(outside),
    percent(share),
  ];
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(100 * share).toFixed(1)} %`;
}

function versionOf({ framework, version }: TimedRun): string {
  return `${framework} ${version}`;
}
