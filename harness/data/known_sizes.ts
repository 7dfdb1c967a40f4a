import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { percentOf } from './sources/balanced.ts';
import { textLines } from './sources/text_lines.ts';
import { vocFolder } from './sources/voc.ts';
import type { SourceSpec } from './spec.ts';

/** How many images a source has, and how that is known. */
export interface Count {
  readonly count: number;
  /** As of `Source`. */
  readonly distinct?: number;
  readonly from: 'the experiment' | 'the files' | 'the official size';
}

/** Official sizes of the lists that the recipes name; the files need not be there. */
const LISTS: Readonly<Record<string, number>> = {
  'imagenet/meta/train.txt': 1_281_167,
  'imagenet/meta/train_labeled.txt': 1_281_167,
  'imagenet/meta/train_labeled_1percent.txt': 12_811,
  'imagenet/meta/train_labeled_10percent.txt': 128_116,
  'imagenet/meta/val.txt': 50_000,
  'imagenet/meta/val_labeled.txt': 50_000,
  'places205/meta/train.txt': 2_448_873,
  'places205/meta/train_labeled.txt': 2_448_873,
  'places205/meta/val.txt': 20_500,
  'places205/meta/val_labeled.txt': 20_500,
};

const COCO: Readonly<Record<string, Count>> = {
  train2017: { count: 118_287, from: 'the official size' },
  val2017: { count: 5000, from: 'the official size' },
};
const CIFAR = { train: 50_000, test: 10_000 } as const; // both CIFAR-10 and CIFAR-100

/** The size of a source without opening it, where that can be said. */
export function knownCount(spec: SourceSpec, data: string): Count | undefined {
  if (spec.kind === 'generated' || spec.kind === 'drawnObjects')
    return { count: spec.count, from: 'the experiment' };
  if (spec.kind === 'folder') return undefined;
  if (spec.kind === 'voc') return vocCount(spec, data);
  if (spec.kind === 'vocObjects')
    return sum(spec.splits.map((split) => vocCount({ root: spec.root, ...split }, data)));
  if (spec.kind === 'cocoObjects') return COCO[spec.part];
  if (spec.kind === 'repeat') return times(knownCount(spec.source, data), spec.times);
  if (spec.kind === 'concat') return sum(spec.sources.map((source) => knownCount(source, data)));
  if (spec.kind === 'subset') return subsetCount(spec, data);
  if (spec.kind !== 'list') return { count: CIFAR[spec.split], from: 'the official size' };
  const file = resolve(data, spec.file);
  if (existsSync(file)) return { count: textLines(file).length, from: 'the files' };
  const count = LISTS[spec.file];
  return count === undefined ? undefined : { count, from: 'the official size' };
}

/** Of the official splits by year; of others only the files tell. */
const VOC: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  2007: { train: 2501, val: 2510, trainval: 5011, test: 4952 },
  2012: { train: 5717, val: 5823, trainval: 11_540 },
};

type VocSplit = Pick<Extract<SourceSpec, { kind: 'voc' }>, 'root' | 'year' | 'split'>;

function vocCount(spec: VocSplit, data: string): Count | undefined {
  const file = vocFolder(spec, data, `ImageSets/Main/${spec.split}.txt`);
  if (existsSync(file)) return { count: textLines(file).length, from: 'the files' };
  const count = VOC[spec.year]?.[spec.split];
  return count === undefined ? undefined : { count, from: 'the official size' };
}

function subsetCount(
  { percent, file, source }: Extract<SourceSpec, { kind: 'subset' }>,
  data: string,
): Count | undefined {
  if (file !== undefined) {
    const path = resolve(data, file);
    return existsSync(path) ? { count: textLines(path).length, from: 'the files' } : undefined;
  }
  const whole = percent === undefined ? undefined : knownCount(source, data);
  if (whole === undefined || percent === undefined) return undefined;
  return { count: percentOf(whole.count, percent), from: whole.from };
}

function times(known: Count | undefined, factor: number): Count | undefined {
  if (known === undefined || factor === 1) return known;
  return { ...known, count: known.count * factor, distinct: known.distinct ?? known.count };
}

const BY_TRUST: readonly Count['from'][] = ['the official size', 'the files', 'the experiment'];

/** Known in the least certain way of all. */
function sum(parts: readonly (Count | undefined)[]): Count | undefined {
  const known = parts.flatMap((part) => part ?? []);
  const from = BY_TRUST.find((way) => known.some((part) => part.from === way));
  if (from === undefined || known.length < parts.length) return undefined;
  const total = known.reduce((all, { count }) => all + count, 0);
  const distinct = known.reduce((all, part) => all + (part.distinct ?? part.count), 0);
  return { count: total, from, ...(distinct === total ? {} : { distinct }) };
}
