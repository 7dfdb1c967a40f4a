import { z } from 'zod';
import { canonicalJson, parse } from '../harness/base/index.ts';
import { metricsOf } from '../harness/record/entries.ts';
import type { RunRecord } from '../harness/record/record.ts';
import { type Entry, isTraining } from './entries.ts';

/** What pages need of a benchmark's experiment; the rest may be of a newer or older schema. */
const Described = z.looseObject({
  name: z.string(),
  benchmark: z.looseObject({ kind: z.string(), percent: z.number().optional() }),
  weights: z.union([
    z.looseObject({ kind: z.literal('file'), sha256: z.string() }),
    z.looseObject({ kind: z.literal('random') }),
  ]),
  backbone: z.looseObject({ depth: z.number(), width: z.number().default(1) }),
});
export type DescribedBenchmark = z.infer<typeof Described>;

/** @throws UserError where the record lacks something. */
export function describedBenchmark({ key, record }: Entry): DescribedBenchmark {
  return parse(Described, record.experiment, `experiment of ${key}`);
}

/** What was judged, e.g. `moco-cifar10-small (5a1b2c3d)`. */
export function weightsText({ experiment, environment }: RunRecord): string {
  const { weights } = parse(Described, experiment, 'experiment');
  if (weights.kind === 'random') return 'random weights';
  const stamp = weights.sha256.slice(0, 8);
  return environment.weightsOf === undefined
    ? `weights ${stamp}`
    : `${environment.weightsOf} (${stamp})`;
}

/** A short name for files: the run that weights are of, `random`, or the beginning of their hash. */
export function weightsKey({ experiment, environment }: RunRecord): string {
  const { weights } = parse(Described, experiment, 'experiment');
  if (weights.kind === 'random') return 'random';
  return (environment.weightsOf ?? weights.sha256.slice(0, 8)).replaceAll('/', '_');
}

/** Records that can be compared: of one benchmark with the same numbers, on the same images. */
export interface BenchmarkGroup {
  readonly kind: string;
  /** Name of the experiment, e.g. `linear-cifar10`. */
  readonly name: string;
  readonly percent: number | undefined;
  readonly entries: readonly Entry[];
}

/** Groups in order of kinds as given, then of name; kinds that are not given come last. */
export function benchmarkGroups(
  entries: readonly Entry[],
  kinds: readonly string[],
): BenchmarkGroup[] {
  const groups = new Map<string, BenchmarkGroup>();
  for (const entry of entries.filter((one) => !isTraining(one))) {
    const { name, benchmark } = describedBenchmark(entry);
    const { pretrained: _, weights: __, ...images } = entry.record.data;
    const place = kinds.indexOf(benchmark.kind);
    const order = String(place < 0 ? kinds.length : place).padStart(3, '0');
    const key = `${order} ${name} ${canonicalJson([benchmark as never, images as never])}`;
    const { entries: before = [] } = groups.get(key) ?? {};
    const { kind, percent } = benchmark;
    groups.set(key, { kind, name, percent, entries: [...before, entry] });
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

/** Of a detector, in the order of published tables. */
const OF_BOXES = ['AP50', 'AP', 'AP75'];
/** Results that stand first. */
const MAIN = [
  ...['top1', 'top5', 'mAP', 'mAP_11point'],
  ...[...OF_BOXES, ...OF_BOXES.map((name) => `mask_${name}`)],
  ...['APs', 'APm', 'APl', 'mask_APs', 'mask_APm', 'mask_APl'],
];
/** Results of single points of a grid, or of single classes. */
const SINGLE = /^(lr[\d.e-]+_|AP_)/;

/** Metrics of the summary that are results of the whole: the main ones, then the others by name. */
export function resultsOf({ record }: Entry): [string, number][] {
  const all = Object.entries(metricsOf(record.final ?? {})).filter(([name]) => !SINGLE.test(name));
  const place = (name: string) => {
    const first = MAIN.indexOf(name);
    const rest = name.replaceAll(/\d+/g, (digits) => digits.padStart(6, '0'));
    return `${String(first < 0 ? MAIN.length : first).padStart(2, '0')} ${rest}`;
  };
  return all.sort(([a], [b]) => (place(a) < place(b) ? -1 : 1));
}

/** The one number that a protocol is known by, percent: top-1, mean AP, AP of boxes, or that of the largest k. */
export function mainResult(entry: Entry): number | undefined {
  const results = resultsOf(entry);
  const named = new Map(results);
  const shots = results.filter(([name]) => /^k\d+_mean$/.test(name));
  return named.get('top1') ?? named.get('mAP') ?? named.get('AP') ?? shots.at(-1)?.[1];
}

/** `head0_top1` is feat1, and so on. */
export function resultTitle(name: string): string {
  const [, head, top] = /^head(\d+)_top([15])$/.exec(name) ?? [];
  if (head !== undefined) return `feat${Number(head) + 1} top-${top}`;
  return name.replace(/top([15])$/, 'top-$1').replaceAll('_', ' ');
}

/** Percent with two digits; rates and epochs as they are; of all levels the best by its name. */
export function resultText(kind: string, name: string, value: number | undefined): string {
  if (value === undefined) return '–';
  if (name === 'best_head' && kind !== 'semi') return `feat${value + 1}`;
  return name.startsWith('best_') ? String(value) : value.toFixed(2);
}

/** Values of a list that are all shown. */
const LISTED = 9;

/** The numbers of a protocol's spec that are not about data, e.g. `k 200, temperature 0.07`. */
export function recipeText(entry: Entry): string {
  const { kind: _, ...fields } = describedBenchmark(entry).benchmark;
  const shown = Object.entries(fields).flatMap(([name, value]) => {
    if (['number', 'string', 'boolean'].includes(typeof value)) return [`${name} ${value}`];
    const list = Array.isArray(value) && value.every((one) => typeof one !== 'object');
    if (!list || value.length === 0) return [];
    const many = value.length > LISTED ? [...value.slice(0, 3), `… (${value.length})`] : value;
    return [`${name} ${many.join('/')}`];
  });
  return shown.join(', ');
}

/** Official counts, by what names of experiments end in. */
const WHOLE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  cifar10: { train: 50_000, test: 10_000 },
  cifar100: { train: 50_000, test: 10_000 },
  voc07: { train: 5011, test: 4952 },
  imagenet: { train: 1_281_167, test: 50_000 },
};

/**
 * How many images there were of each use, as the run noted, and of how many where that is a part of a
 * known set.
 */
export function imagesText(entry: Entry): string {
  const { images } = entry.record.environment;
  if (images === undefined) return 'how many images there were is not noted';
  const { name, benchmark } = describedBenchmark(entry);
  const whole = WHOLE[name.split('-').at(-1) ?? ''] ?? {};
  const parts = images.split(', ').map((part, i) => {
    const [use = '', count = ''] = part.split(' ');
    const all = use === 'train' && benchmark.percent !== undefined ? undefined : whole[use];
    const of = all === undefined || all === Number(count) ? '' : ` of ${all}`;
    return `${count}${of}${i === 0 ? ' images' : ''} to ${use}`;
  });
  const { train, 'evaluation.test': test } = entry.record.data;
  return parts.join(', ') + (train !== undefined && train === test ? ', which are the same' : '');
}
