import { BREATH, breath, UserError } from '../../harness/base/index.ts';
import { uprightSize } from '../../harness/data/images/decode.ts';
import type { ObjectSpec } from '../../harness/data/objects/object_spec.ts';
import { type ObjectSource, trainable } from '../../harness/data/objects/objects.ts';
import { openObjects } from '../../harness/data/objects/open_objects.ts';
import { listed, twins } from './inspect.ts';
import { OBJECT_COUNTS } from './known.ts';
import { inOut, type Work } from './work.ts';

/**
 * Opens a part of a set of pictures with objects, which reads all annotations and hashes each file, and
 * says what it is and in what it differs from the official one: counts, classes without an object,
 * pictures that are there twice, damaged, or of another size than their annotation says.
 * @param name as `OBJECT_COUNTS` has it
 * @throws UserError for what makes it unusable: `openObjects`
 */
export async function inspectObjects(
  work: Work,
  name: string,
  spec: ObjectSpec,
): Promise<ObjectSource> {
  const { signal, tell, said, differences } = work;
  tell(`reading ${name}`);
  const source = await openObjects(spec, { data: inOut(work), signal });
  const { count, classes } = source;
  const seen = classes.map(() => 0);
  const sorts = { objects: 0, difficult: 0, crowds: 0 };
  for (let i = 0; i < count; i++)
    for (const { class: label, difficult, crowd } of source.objects(i)) {
      seen[label] = (seen[label] ?? 0) + 1;
      sorts.objects++;
      if (difficult) sorts.difficult++;
      if (crowd) sorts.crowds++;
    }
  said.push(
    `${name}: ${count} images (${trainable(source).length} to train on), ${sorts.objects} objects (${sorts.difficult} difficult, ${sorts.crowds} crowds) of ${classes.length} classes, SHA-256 ${source.manifest.sha256}`,
  );
  const known = OBJECT_COUNTS[name];
  const counted = sorts.objects - sorts.difficult;
  if (known !== undefined && count !== known.images)
    differences.push(`${name}: ${count} of ${known.images} images: not the official set`);
  if (known !== undefined && counted !== known.objects)
    differences.push(`${name}: ${counted} of ${known.objects} objects: not the official set`);
  const absent = classes.filter((_, label) => seen[label] === 0);
  differences.push(...listed(`${name}: classes without an object`, absent));
  differences.push(...listed(`${name}: images that are there before`, twins(source)));
  const faults = await faultsOf(work, source);
  differences.push(...listed(`${name}: files that cannot be used`, faults));
  return source;
}

/** Of the headers, or with `decode` of all pixels. */
async function faultsOf({ decode, signal }: Work, source: ObjectSource): Promise<string[]> {
  const faults: string[] = [];
  for (let index = 0; index < source.count; index++) {
    if (index % BREATH === 0) await breath(signal);
    const fault = await faultOf(source, index, decode);
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

async function faultOf(
  source: ObjectSource,
  index: number,
  decode: boolean,
): Promise<string | undefined> {
  try {
    if (!decode) return await sizeFault(source, index);
    await source.read(index);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

async function sizeFault(source: ObjectSource, index: number): Promise<string | undefined> {
  const name = source.describe(index);
  const found = await uprightSize(source.bytes?.(index) ?? new Uint8Array(), name);
  const { width, height } = source.image(index);
  return found.width === width && found.height === height
    ? undefined
    : `${name} has ${found.width} x ${found.height} pixels, its annotation says ${width} x ${height}`;
}
