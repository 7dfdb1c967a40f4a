import { UserError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { sameClasses } from '../classes.ts';
import type { Manifest, OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';

type ConcatSpec = Extract<SourceSpec, { kind: 'concat' }>;
type RepeatSpec = Extract<SourceSpec, { kind: 'repeat' }>;
type Open = (spec: SourceSpec, options: OpenOptions) => Promise<Source>;

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
    return { source, index: index - (ends[place - 1] ?? 0) };
  };
  const labels = options.shared === undefined ? labelsOf(parts) : {};
  return {
    ...labels,
    count: ends.at(-1) ?? 0,
    manifest: options.manifest ?? concatManifest(parts, labels.unlabelled),
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
  const { labels, classes, unlabelled, manifest } = source;
  const count = bounded(source.count * times, `repeat: ${source.count} samples ${times} times`);
  const find = (index: number): Sample => {
    if (index >= 0 && index < count) return { source, index: index % source.count };
    throw new RangeError(`repeat: no sample ${index}`);
  };
  return {
    count,
    ...(labels === undefined ? {} : { labels: repeated(labels, times) }),
    ...(classes === undefined ? {} : { classes }),
    ...(unlabelled === undefined ? {} : { unlabelled }),
    manifest: options.manifest ?? {
      sha256: sha256(`repeat ${times}\n${manifest.sha256}\n`),
      count,
      notes: manifest.notes,
      parts: [manifest],
    },
    ...delegated([source], find),
  };
}

/** A sample of a part. */
interface Sample {
  readonly source: Source;
  readonly index: number;
}

type Delegated = 'describe' | 'where' | 'bytes' | 'share' | 'read';

/** What the parts themselves know of their samples. */
function delegated(
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
function inner({ manifest, shared, ...options }: OpenOptions, place: number): OpenOptions {
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
    sha256: sha256(['concat\n', ...manifests.map(({ sha256: hash }) => `${hash}\n`)]),
    count: manifests.reduce((sum, { count }) => sum + count, 0),
    notes: unlabelled === undefined ? notes : [...notes, unlabelled],
    parts: manifests,
  };
}

/** Labels mean the same only where the classes have the same names in the same order. */
function labelsOf(parts: readonly Source[]): Pick<Source, 'labels' | 'classes' | 'unlabelled'> {
  const labels = parts.flatMap((part) => (part.labels === undefined ? [] : [part.labels]));
  if (labels.length === 0) return {};
  const unlabelled = mixture(parts);
  if (unlabelled !== undefined) return { unlabelled };
  const whole = new Int32Array(labels.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of labels) {
    whole.set(part, at);
    at += part.length;
  }
  const classes = parts.find((part) => part.classes !== undefined)?.classes;
  return { labels: whole, ...(classes === undefined ? {} : { classes }) };
}

/** Why the labels of some parts cannot be those of the whole; undefined where they can. */
function mixture(parts: readonly Source[]): string | undefined {
  const so = 'so the samples of concat count as unlabelled';
  const bare = parts.flatMap(({ labels }, place) => (labels ? [] : [`sources[${place}]`]));
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

function repeated(labels: Int32Array, times: number): Int32Array {
  const all = new Int32Array(labels.length * times);
  for (let time = 0; time < times; time++) all.set(labels, time * labels.length);
  return all;
}
