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

/** Metrics of the summary that are results; those of single cells of a grid are left out. */
export function resultsOf({ record }: Entry): [string, number][] {
  const all = Object.entries(metricsOf(record.final ?? {}));
  return all.filter(([name]) => !/^lr[\d.e-]+_/.test(name));
}

/** `head0_top1` is feat1, and so on. */
export function resultTitle(name: string): string {
  const [, head, top] = /^head(\d+)_top([15])$/.exec(name) ?? [];
  if (head !== undefined) return `feat${Number(head) + 1} top-${top}`;
  return name.replace(/^top([15])$/, 'top-$1').replaceAll('_', ' ');
}

/** Percent with two digits; rates and epochs as they are; of all levels the best by its name. */
export function resultText(kind: string, name: string, value: number | undefined): string {
  if (value === undefined) return '–';
  if (name === 'best_head' && kind !== 'semi') return `feat${value + 1}`;
  return name.startsWith('best_') ? String(value) : value.toFixed(2);
}

/** The numbers of a protocol's spec that are not about data, e.g. `k 200, temperature 0.07`. */
export function recipeText(entry: Entry): string {
  const { kind: _, ...fields } = describedBenchmark(entry).benchmark;
  const shown = Object.entries(fields).flatMap(([name, value]) => {
    if (['number', 'string', 'boolean'].includes(typeof value)) return [`${name} ${value}`];
    const list = Array.isArray(value) && value.every((one) => typeof one === 'number');
    return list && value.length > 0 ? [`${name} ${value.join('/')}`] : [];
  });
  return shown.join(', ');
}

/** How many images of which use, as the run noted; undefined for records without. */
export function imagesText({ record }: Entry): string | undefined {
  return record.environment.images;
}
