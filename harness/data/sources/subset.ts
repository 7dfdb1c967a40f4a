import { resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { classNames, numberingFault } from '../label_counts.ts';
import type { Manifest, OpenOptions, SampleFiles, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import { drawBalanced, percentOf } from './balanced.ts';
import { delegated, inner, type Open } from './joined.ts';
import { pickListed } from './subset_list.ts';

type SubsetSpec = Extract<SourceSpec, { kind: 'subset' }>;

/**
 * Some samples of a source: as many of each class, drawn from the seed, in the source's order; or those
 * that a list names, in the list's. Labels and classes are the source's.
 * @param open opens the source
 * @throws UserError where samples of each class are asked for and there are no labels, or too few
 *   samples; where the list names what is not there; and as `open` does.
 */
export async function openSubset(
  spec: SubsetSpec,
  options: OpenOptions,
  open: Open,
): Promise<Source> {
  const source = await open(spec.source, inner(options, 0));
  const picked = sharedPicks(options) ?? (await pick(spec, source, options));
  const find = (index: number) => {
    const at = picked[index];
    if (at === undefined) throw new RangeError(`subset: no sample ${index}`);
    return { source, place: 0, index: at };
  };
  const files = source.files === undefined ? {} : { files: filesOf(source.files, picked) };
  const { distinct, unlabelled } = source;
  return {
    count: picked.length,
    ...(distinct === undefined ? {} : { distinct: Math.min(distinct, picked.length) }),
    ...truthOf(source, picked),
    ...(unlabelled === undefined ? {} : { unlabelled }),
    manifest: options.manifest ?? manifestOf(spec, source, picked),
    ...files,
    ...delegated([source], find),
    share: () => ({ parts: [source.share?.()], picked }),
  };
}

function sharedPicks({ shared }: OpenOptions): Int32Array | undefined {
  return shared !== undefined && 'picked' in shared ? shared.picked : undefined;
}

async function pick(
  { percent, perClass, file, seed }: SubsetSpec,
  source: Source,
  { data, signal }: OpenOptions,
): Promise<Int32Array> {
  if (file !== undefined) return pickListed(resolve(data, file), source, signal);
  const { labels, marks, unlabelled, count } = source;
  if (labels === undefined) {
    const several = marks === undefined ? undefined : 'its images may have several classes each';
    throw new UserError(
      `subset: ${unlabelled ?? several ?? 'its source has no labels'}, but as many samples of each class are asked for; name a source of one label an image, or a list of names with "file"`,
    );
  }
  const wanted = { total: percentOf(count, percent ?? 100) };
  const names = classNames('the source of a subset', source);
  return drawBalanced(labels, names, perClass === undefined ? wanted : { perClass }, seed);
}

/** Labels or marks of the picked. Where classes are numbers, those that are not picked stay known. */
function truthOf(source: Source, picked: Int32Array): Pick<Source, 'labels' | 'marks' | 'classes'> {
  const { labels, marks, classes } = source;
  if (marks !== undefined && classes !== undefined)
    return { marks: rowsOf(marks, classes.length, picked), classes };
  if (labels === undefined) return {};
  const known = numberingFault(source) === undefined ? classNames('source', source) : undefined;
  return {
    labels: picked.map((index) => labels[index] ?? 0),
    ...(known === undefined ? {} : { classes: known }),
  };
}

function rowsOf(marks: Int8Array, classes: number, picked: Int32Array): Int8Array {
  const rows = new Int8Array(picked.length * classes);
  for (const [place, index] of picked.entries())
    rows.set(marks.subarray(index * classes, (index + 1) * classes), place * classes);
  return rows;
}

function manifestOf(spec: SubsetSpec, { manifest, count }: Source, picked: Int32Array): Manifest {
  const of = `${picked.length} of ${count} images`;
  const share = spec.percent === undefined ? `${spec.perClass} of each class` : `${spec.percent} %`;
  return {
    sha256: subsetHash(manifest.sha256, picked),
    count: picked.length,
    notes:
      spec.file === undefined
        ? [
            ...manifest.notes,
            `class-balanced subset of ${share}, seed ${spec.seed}, not SimCLR's: ${of}`,
          ]
        : manifest.notes,
    parts: [manifest],
  };
}

function subsetHash(source: string, picked: Int32Array): string {
  return sha256(`subset\n${source}\n${picked.join('\n')}\n`);
}

function filesOf(files: SampleFiles, picked: Int32Array): SampleFiles {
  const digests = new Uint8Array(32 * picked.length);
  const from = (index: number) => files.digests.subarray(32 * index, 32 * (index + 1));
  for (const [place, index] of picked.entries()) digests.set(from(index), 32 * place);
  return {
    digests,
    name: (place) => files.name(picked[place] ?? -1),
    manifestOf: (others) => {
      const all = files.digests.slice();
      for (const [place, index] of picked.entries())
        all.set(others.subarray(32 * place, 32 * (place + 1)), 32 * index);
      return subsetHash(files.manifestOf(all), picked);
    },
  };
}
