import { UserError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { sameClasses } from '../classes.ts';
import type { Manifest, OpenOptions, SampleFiles, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';

type ConcatSpec = Extract<SourceSpec, { kind: 'concat' }>;
type RepeatSpec = Extract<SourceSpec, { kind: 'repeat' }>;
/** Opens a source that a source is made of. */
export type Open = (spec: SourceSpec, options: OpenOptions) => Promise<Source>;

/** Labels and orders of so many samples still fit into memory. */
const MOST = 2 ** 28;

/**
 * The samples of several sources, one after another, as PyTorch's `ConcatDataset` has them. Labels
 * are those of the parts where all have the same classes; else the whole has none, and
 * `Source.unlabelled` says why. The hash of the manifest is over those of the parts.
 * @param open opens a part
 * @throws UserError as `open` does.
 */
export async function openConcat(
  { sources }: ConcatSpec,
  options: OpenOptions,
  open: Open,
): Promise<Source> {
  const parts: Source[] = [];
  // In turn: parts may share a file of known digests.
  for (const [place, spec] of sources.entries())
    parts.push(await open(spec, inner(options, place)));
  const ends = endsOf(parts);
  const find = (index: number): Sample => {
    const place = ends.findIndex((end) => index < end);
    const source = parts[place];
    if (source === undefined || index < 0) throw new RangeError(`concat: no sample ${index}`);
    return { source, place, index: index - (ends[place - 1] ?? 0) };
  };
  const labels = options.shared === undefined ? labelsOf(parts) : {};
  const files = concatFiles(parts, ends, find);
  return {
    ...labels,
    ...(parts.some((part) => part.distinct !== undefined)
      ? { distinct: parts.reduce((sum, part) => sum + (part.distinct ?? part.count), 0) }
      : {}),
    count: ends.at(-1) ?? 0,
    manifest: options.manifest ?? concatManifest(parts, labels.unlabelled),
    ...(files === undefined ? {} : { files }),
    ...delegated(parts, find),
  };
}

/**
 * The samples of a source `times` over, all of them before any comes again, as OpenSelfSup's
 * `RepeatDataset` has them: index i is sample i modulo the source's count. Each is a sample of its own
 * to whoever draws views or remembers samples by index.
 * @throws UserError where these are too many, and as `open` does.
 */
export async function openRepeat(
  { source: spec, times }: RepeatSpec,
  options: OpenOptions,
  open: Open,
): Promise<Source> {
  const source = await open(spec, inner(options, 0));
  const { labels, marks, classes, unlabelled, manifest } = source;
  const count = bounded(source.count * times, `repeat: ${source.count} samples ${times} times`);
  const files = repeatFiles(source, times);
  const find = (index: number): Sample => {
    if (index >= 0 && index < count) return { source, place: 0, index: index % source.count };
    throw new RangeError(`repeat: no sample ${index}`);
  };
  return {
    count,
    ...(times === 1 ? {} : { distinct: source.distinct ?? source.count }),
    ...(labels === undefined
      ? {}
      : { labels: joined(new Array<Int32Array>(times).fill(labels), int32) }),
    ...(marks === undefined
      ? {}
      : { marks: joined(new Array<Int8Array>(times).fill(marks), int8) }),
    ...(classes === undefined ? {} : { classes }),
    ...(unlabelled === undefined ? {} : { unlabelled }),
    manifest: options.manifest ?? {
      sha256: repeatHash(times, manifest.sha256),
      count,
      notes: manifest.notes,
      parts: [manifest],
    },
    ...(files === undefined ? {} : { files }),
    ...delegated([source], find),
  };
}

/** A sample of a part. */
export interface Sample {
  readonly source: Source;
  /** Of the part. */
  readonly place: number;
  readonly index: number;
}

type Delegated = 'describe' | 'where' | 'bytes' | 'share' | 'read';

/** What the parts themselves know of their samples. */
export function delegated(
  parts: readonly Source[],
  find: (index: number) => Sample,
): Pick<Source, Delegated> {
  const where = (at: number) => {
    const { source, index } = find(at);
    return source.where?.(index) ?? source.describe(index);
  };
  const bytes = (at: number) => {
    const { source, index } = find(at);
    return source.bytes?.(index);
  };
  const some = (of: 'where' | 'bytes' | 'share') => parts.some((part) => part[of] !== undefined);
  return {
    describe: (at) => {
      const { source, index } = find(at);
      return source.describe(index);
    },
    read: (at) => {
      const { source, index } = find(at);
      return source.read(index);
    },
    ...(some('where') ? { where } : {}),
    ...(some('bytes') ? { bytes } : {}),
    ...(some('share') ? { share: () => ({ parts: parts.map((part) => part.share?.()) }) } : {}),
  };
}

/** Options of a part, with what is known of it where the whole has been opened before. */
export function inner({ manifest, shared, ...options }: OpenOptions, place: number): OpenOptions {
  const known = manifest?.parts?.[place];
  return {
    ...options,
    ...(known === undefined ? {} : { manifest: known }),
    ...(shared !== undefined && 'parts' in shared ? { shared: shared.parts[place] } : {}),
  };
}

/** Behind the last index of each part. */
function endsOf(parts: readonly Source[]): readonly number[] {
  let end = 0;
  return parts.map(({ count }) => {
    end = bounded(end + count, `concat: ${end + count} samples`);
    return end;
  });
}

function bounded(count: number, what: string): number {
  if (count <= MOST) return count;
  throw new UserError(`${what} are ${count}, expected at most ${MOST}; use fewer`);
}

function concatManifest(parts: readonly Source[], unlabelled: string | undefined): Manifest {
  const manifests = parts.map(({ manifest }) => manifest);
  const notes = manifests.flatMap((part, place) =>
    part.notes.map((note) => `sources[${place}]: ${note}`),
  );
  return {
    sha256: concatHash(manifests.map((part) => part.sha256)),
    count: manifests.reduce((sum, { count }) => sum + count, 0),
    notes: unlabelled === undefined ? notes : [...notes, unlabelled],
    parts: manifests,
  };
}

function concatHash(parts: readonly string[]): string {
  return sha256(['concat\n', ...parts.map((hash) => `${hash}\n`)]);
}

function repeatHash(times: number, hash: string): string {
  return sha256(`repeat ${times}\n${hash}\n`);
}

/** The files of all parts, where each sample of each is one. */
function concatFiles(
  parts: readonly Source[],
  ends: readonly number[],
  find: (index: number) => Sample,
): SampleFiles | undefined {
  const files = parts.flatMap((part) => part.files ?? []);
  if (files.length < parts.length) return undefined;
  return {
    digests: Buffer.concat(files.map(({ digests }) => digests)),
    name: (at) => {
      const { place, index } = find(at);
      return `sources[${place}]/${files[place]?.name(index)}`;
    },
    manifestOf: (digests) => {
      const part = (place: number) =>
        digests.subarray(32 * (ends[place - 1] ?? 0), 32 * (ends[place] ?? 0));
      return concatHash(files.map((one, place) => one.manifestOf(part(place))));
    },
  };
}

const MOST_DIGESTS = 2 ** 24; // half a gigabyte

function repeatFiles({ files, count }: Source, times: number): SampleFiles | undefined {
  if (files === undefined || count * times > MOST_DIGESTS) return undefined;
  return {
    digests: Buffer.concat(Array.from({ length: times }, () => files.digests)),
    name: (index) => files.name(index % count),
    manifestOf: (digests) => repeatHash(times, files.manifestOf(digests.subarray(0, 32 * count))),
  };
}

/** Labels mean the same only where the classes have the same names in the same order. */
function labelsOf(
  parts: readonly Source[],
): Pick<Source, 'labels' | 'marks' | 'classes' | 'unlabelled'> {
  const labels = parts.flatMap((part) => part.labels ?? []);
  const marks = parts.flatMap((part) => part.marks ?? []);
  if (labels.length + marks.length === 0) return {};
  const unlabelled = mixture(parts);
  if (unlabelled !== undefined) return { unlabelled };
  const classes = parts.find((part) => part.classes !== undefined)?.classes;
  return {
    ...(labels.length > 0 ? { labels: joined(labels, int32) } : {}),
    ...(marks.length > 0 ? { marks: joined(marks, int8) } : {}),
    ...(classes === undefined ? {} : { classes }),
  };
}

const int32 = (length: number) => new Int32Array(length);
const int8 = (length: number) => new Int8Array(length);

function joined<A extends Int32Array | Int8Array>(
  parts: readonly A[],
  empty: (length: number) => A,
): A {
  const whole = empty(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Why the labels of some parts cannot be those of the whole; undefined where they can. */
function mixture(parts: readonly Source[]): string | undefined {
  const so = 'so the samples of concat count as unlabelled';
  const bare = parts.flatMap(({ labels, marks }, place) =>
    labels === undefined && marks === undefined ? [`sources[${place}]`] : [],
  );
  if (bare.length > 0)
    return `${bare.join(', ')} ${bare.length > 1 ? 'have' : 'has'} no labels, ${so}`;
  const [first, ...others] = parts.map((source, place) => ({ path: `sources[${place}]`, source }));
  try {
    for (const other of others) if (first !== undefined) sameClasses(first, other);
    return undefined;
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    return `${cause.message}. Till then the samples of concat count as unlabelled`;
  }
}
