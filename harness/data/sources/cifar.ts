import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fileError, readBytes } from '../../base/file_error.ts';
import { fileKindAt } from '../../base/file_kind.ts';
import { sha256 } from '../../base/hash.ts';
import { type Image, image } from '../images/image.ts';
import { valuesOf } from '../pickle/numpy_array.ts';
import { arrayOf } from '../pickle/numpy_names.ts';
import { entryOf, readPickle, textOf } from '../pickle/plain.ts';
import type { OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import {
  binaryPart,
  notCifar,
  type Part,
  PLANES,
  picklePart,
  SIDE,
  stranger,
} from './cifar_files.ts';
import { CIFAR_NAMES } from './cifar_names.ts';
import { textLines } from './text_lines.ts';

export type CifarSpec = Extract<SourceSpec, { kind: 'cifar10' | 'cifar100' }>;
type Split = CifarSpec['split'];

/** One of the two official formats of a set. */
interface Format {
  readonly folder: string;
  readonly files: Readonly<Record<Split, readonly string[]>>;
  read(path: string): Part;
  /** Names of the classes, in a file of its own. */
  readonly names: string;
  readNames(path: string): readonly string[];
}

interface CifarSet {
  readonly classes: number;
  /** Images of a split as published, over all its files. */
  readonly published: Readonly<Record<Split, number>>;
  readonly formats: readonly Format[];
}

const BATCHES = [1, 2, 3, 4, 5];

const SETS: Readonly<Record<CifarSpec['kind'], CifarSet>> = {
  cifar10: {
    classes: 10,
    published: { train: 50_000, test: 10_000 },
    formats: [
      {
        folder: 'cifar-10-batches-bin',
        files: { train: BATCHES.map((i) => `data_batch_${i}.bin`), test: ['test_batch.bin'] },
        read: (path) => binaryPart(path, 1, 10),
        names: 'batches.meta.txt',
        readNames: lines,
      },
      {
        folder: 'cifar-10-batches-py',
        files: { train: BATCHES.map((i) => `data_batch_${i}`), test: ['test_batch'] },
        read: (path) => picklePart(path, 'labels', 10),
        names: 'batches.meta',
        readNames: (path) => pickledNames(path, 'label_names'),
      },
    ],
  },
  cifar100: {
    classes: 100,
    published: { train: 50_000, test: 10_000 },
    formats: [
      {
        folder: 'cifar-100-binary',
        files: { train: ['train.bin'], test: ['test.bin'] },
        read: (path) => binaryPart(path, 2, 100), // coarse label, fine label
        names: 'fine_label_names.txt',
        readNames: lines,
      },
      {
        folder: 'cifar-100-python',
        files: { train: ['train'], test: ['test'] },
        read: (path) => picklePart(path, 'fine_labels', 100),
        names: 'meta',
        readNames: (path) => pickledNames(path, 'fine_label_names'),
      },
    ],
  },
};

/**
 * CIFAR-10 or CIFAR-100 from official files, binary or Python: as many of a split's files as are
 * there, each with as many records as it holds; the notes say what is less than published. The hash
 * of the manifest is over label byte and planes of each record, so it is the same for both formats.
 * CIFAR-100 has its fine labels.
 */
export function openCifar(spec: CifarSpec, { data, manifest }: OpenOptions): Source {
  const { folder, format, files } = locate(spec, data);
  const parts = files.map((file) => format.read(join(folder, file)));
  const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
  const own = classNames(join(folder, format.names), format, SETS[spec.kind].classes);
  return {
    count: labels.length,
    labels,
    classes: own ?? CIFAR_NAMES[spec.kind],
    manifest: manifest ?? {
      sha256: sha256(records(parts)),
      count: labels.length,
      notes: notesOf(spec, format, parts),
    },
    describe: (index) => {
      const { part, record } = find(parts, index);
      return `${part.path} record ${record}`;
    },
    read: (index) => {
      const { part, record } = find(parts, index);
      return interleaved(part.planes(record));
    },
  };
}

interface Place {
  readonly folder: string;
  readonly format: Format;
  /** Files of the split that are there. */
  readonly files: readonly string[];
}

/** Looks in `root` and in the data folder itself, for the official folder or its files. */
function locate({ kind, root, split }: CifarSpec, data: string): Place {
  const bases = [...new Set([resolve(data, root), resolve(data)])];
  const { formats } = SETS[kind];
  for (const base of bases) {
    for (const format of formats) {
      for (const folder of [join(base, format.folder), base]) {
        const files = format.files[split].filter((file) => isFile(join(folder, file)));
        if (files.length > 0) return { folder, format, files };
      }
    }
  }
  const folders = formats.map(({ folder, files }) => `${folder} (${files[split].join(', ')})`);
  throw new UserError(
    `no ${kind} ${split} files in ${bases.join(' or ')}: expected ${folders.join(' or ')}; unpack the official archive there or name its place with --data or the source's root`,
  );
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

function find(parts: readonly Part[], index: number): { part: Part; record: number } {
  let record = index;
  for (const part of parts) {
    if (record >= 0 && record < part.labels.length) return { part, record };
    record -= part.labels.length;
  }
  throw new RangeError(`CIFAR image ${index}: no such index`);
}

function interleaved(planes: Uint8Array): Image {
  const picture = image(SIDE, SIDE);
  const { pixels } = picture;
  const area = SIDE * SIDE;
  for (let i = 0, at = 0; i < area; i++, at += 3) {
    pixels[at] = planes[i] ?? 0;
    pixels[at + 1] = planes[i + area] ?? 0;
    pixels[at + 2] = planes[i + 2 * area] ?? 0;
  }
  return picture;
}

/** Label byte and planes of every record: the binary format of CIFAR-10. */
function* records(parts: readonly Part[]): Generator<Uint8Array> {
  const record = new Uint8Array(1 + PLANES);
  for (const part of parts) {
    for (const [index, label] of part.labels.entries()) {
      record[0] = label;
      record.set(part.planes(index), 1);
      yield record;
    }
  }
}

function notesOf({ kind, split }: CifarSpec, { files }: Format, parts: readonly Part[]): string[] {
  const published = SETS[kind].published[split];
  const here = parts.map(({ path }) => basename(path));
  const missing = files[split].filter((file) => !here.includes(file));
  const each = published / files[split].length;
  const other = parts.filter(({ labels }) => labels.length !== each);
  const count = parts.reduce((sum, { labels }) => sum + labels.length, 0);
  const notes = [
    ...missing.map((file) => `${file} is missing`),
    ...other.map(
      ({ path, labels }) =>
        `${basename(path)} has ${labels.length} records where the official file has ${each}`,
    ),
  ];
  const blank = parts.flatMap((part) => {
    const zeros = blankAtEnd(part);
    const which = zeros === 1 ? 'the last record' : `the last ${zeros} records`;
    const are = zeros === 1 ? 'is' : 'are';
    return zeros === 0
      ? []
      : [
          `${which} of ${basename(part.path)} ${are} zero bytes: perhaps its copy was never finished`,
        ];
  });
  notes.push(...blank);
  const sum = `${count} of the ${published} ${split} images of ${kind}: no numbers to compare with published ones`;
  return notes.length === 0 ? [] : [...notes, sum];
}

/** Records of zero bytes that a file ends with. */
function blankAtEnd({ labels, planes }: Part): number {
  let count = 0;
  while (count < labels.length) {
    const record = labels.length - 1 - count;
    if (labels[record] !== 0 || planes(record).some((value) => value !== 0)) break;
    count++;
  }
  return count;
}

function classNames(path: string, format: Format, classes: number): readonly string[] | undefined {
  if (!isFile(path)) return undefined;
  const names = format.readNames(path);
  if (names.length === classes) return names;
  const known = fileKindAt(path);
  if (known !== undefined && known.kind !== 'text') throw stranger(path, known);
  throw new UserError(`${path}: ${names.length} class names, expected ${classes}; copy it again`);
}

function lines(path: string): readonly string[] {
  return textLines(path).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

function pickledNames(path: string, key: string): readonly string[] {
  const file = readBytes(path);
  try {
    const names: unknown = entryOf(readPickle(file).value, key);
    const array = arrayOf(names);
    const list = array === undefined ? names : valuesOf(array);
    if (!Array.isArray(list)) throw new Error(`\`${key}\` is no list`);
    return list.map((name) => textOf(name) ?? String(name));
  } catch (cause) {
    throw notCifar(path, "is no file of CIFAR's class names", cause);
  }
}
