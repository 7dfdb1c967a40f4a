import { UserError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import type { Manifest, OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';

type ConcatSpec = Extract<SourceSpec, { kind: 'concat' }>;
type RepeatSpec = Extract<SourceSpec, { kind: 'repeat' }>;
type Open = (spec: SourceSpec, options: OpenOptions) => Promise<Source>;

/** Labels and orders of so many samples still fit into memory. */
const MOST = 2 ** 28;

/**
 * The samples of several sources, one after another, as PyTorch's `ConcatDataset` has them. Labels
 * are those of the parts, which must have the same classes; where a part has no labels, the whole has
 * none. The hash of the manifest is over those of the parts.
 * @param open opens a part
 * @throws UserError that names the parts whose classes differ, and as `open` does.
 */
export async function openConcat(
  { sources }: ConcatSpec,
  options: OpenOptions,
  open: Open,
): Promise<Source> {
  const parts: Source[] = [];
  // In turn: parts may share a file of known digests.
  for (const [place, spec] of sources.entries())
    parts.push(await open(spec, { ...options, ...inner(options.manifest, place) }));
  const ends = endsOf(parts);
  const find = (index: number) => {
    const place = ends.findIndex((end) => index < end);
    const part = parts[place];
    if (part === undefined || index < 0) throw new RangeError(`concat: no sample ${index}`);
    return { part, inside: index - (ends[place - 1] ?? 0) };
  };
  return {
    ...labelsOf(parts),
    count: ends.at(-1) ?? 0,
    manifest: options.manifest ?? concatManifest(parts),
    describe: (index) => {
      const { part, inside } = find(index);
      return part.describe(inside);
    },
    read: (index) => {
      const { part, inside } = find(index);
      return part.read(inside);
    },
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
  const source = await open(spec, { ...options, ...inner(options.manifest, 0) });
  const { labels, classes, manifest } = source;
  const count = bounded(source.count * times, `repeat: ${source.count} samples ${times} times`);
  const inside = (index: number) => {
    if (index >= 0 && index < count) return index % source.count;
    throw new RangeError(`repeat: no sample ${index}`);
  };
  return {
    count,
    ...(labels === undefined ? {} : { labels: repeated(labels, times) }),
    ...(classes === undefined ? {} : { classes }),
    manifest: options.manifest ?? {
      sha256: sha256(`repeat ${times}\n${manifest.sha256}\n`),
      count,
      notes: manifest.notes,
      parts: [manifest],
    },
    describe: (index) => source.describe(inside(index)),
    read: (index) => source.read(inside(index)),
  };
}

/** What is known of a part that has been opened before. */
function inner(manifest: Manifest | undefined, place: number): { manifest?: Manifest } {
  const part = manifest?.parts?.[place];
  return part === undefined ? {} : { manifest: part };
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

function concatManifest(parts: readonly Source[]): Manifest {
  const manifests = parts.map(({ manifest }) => manifest);
  const unlabelled = parts.flatMap(({ labels }, place) => (labels === undefined ? [place] : []));
  const some = unlabelled.length > 0 && unlabelled.length < parts.length;
  const names = unlabelled.map((place) => `sources[${place}]`).join(', ');
  return {
    sha256: sha256(['concat\n', ...manifests.map(({ sha256: hash }) => `${hash}\n`)]),
    count: manifests.reduce((sum, { count }) => sum + count, 0),
    notes: [
      ...manifests.flatMap(({ notes }, place) => notes.map((note) => `sources[${place}]: ${note}`)),
      ...(some
        ? [`${names} of concat have no labels, so the labels of the others do not count`]
        : []),
    ],
    parts: manifests,
  };
}

function labelsOf(parts: readonly Source[]): Pick<Source, 'labels' | 'classes'> {
  const labels = parts.flatMap((part) => (part.labels === undefined ? [] : [part.labels]));
  if (labels.length < parts.length) return {};
  const [first, ...others] = parts;
  for (const [place, part] of others.entries())
    if (first !== undefined) compareClasses(first, part, place + 1);
  const whole = new Int32Array(labels.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of labels) {
    whole.set(part, at);
    at += part.length;
  }
  const classes = first?.classes;
  return { labels: whole, ...(classes === undefined ? {} : { classes }) };
}

/** Labels mean the same only where the classes have the same names in the same order. */
function compareClasses({ classes: a }: Source, { classes: b }: Source, place: number): void {
  const mend = 'labels would mix up classes: name them alike, or concatenate without labels';
  if (a === undefined && b === undefined) return;
  if (a === undefined || b === undefined)
    throw new UserError(
      `concat: sources[${a === undefined ? 0 : place}] only numbers its classes, sources[${a === undefined ? place : 0}] names them; ${mend}`,
    );
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => i);
  const apart = at.find((i) => a[i] !== b[i]);
  if (apart === undefined) return;
  const name = (value: string | undefined) => (value === undefined ? 'missing' : `"${value}"`);
  throw new UserError(
    `concat: class ${apart} of sources[${place}] is ${name(b[apart])}, of sources[0] ${name(a[apart])} (${b.length} and ${a.length} classes); ${mend}`,
  );
}

function repeated(labels: Int32Array, times: number): Int32Array {
  const all = new Int32Array(labels.length * times);
  for (let time = 0; time < times; time++) all.set(labels, time * labels.length);
  return all;
}
