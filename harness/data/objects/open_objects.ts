import { breath } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import { sha256Json, sha256Slowly } from '../../base/hash.ts';
import { rleText } from '../../metrics/rle_text.ts';
import { decodeUpright } from '../images/upright.ts';
import type { Manifest, OpenOptions } from '../source.ts';
import { openFiles } from '../sources/files.ts';
import { indexCocoObjects } from './coco_objects.ts';
import { openDrawnObjects } from './drawn_objects.ts';
import type { ObjectSpec } from './object_spec.ts';
import type { ObjectSource, ObjectTruths, SeenObject } from './objects.ts';
import { indexVocObjects } from './voc_objects.ts';

/**
 * Opens pictures with objects: reads the annotations, finds the pictures and hashes both.
 * @throws UserError that names file and object where something is missing, malformed or cannot be
 * @example const source = await openObjects({ kind: 'cocoObjects', root: 'coco', part: 'val2017' }, { data });
 */
export async function openObjects(spec: ObjectSpec, options: OpenOptions): Promise<ObjectSource> {
  if (spec.kind === 'drawnObjects') return openDrawnObjects(spec, options);
  const { files, truths } =
    spec.kind === 'vocObjects'
      ? await indexVocObjects(spec, options)
      : await indexCocoObjects(spec, options);
  const { classes: _, ...source } = await openFiles(files, options);
  const manifest = options.manifest ?? (await manifestOf(source.manifest, truths, options.signal));
  const bytesOf = (index: number) => source.bytes?.(index) ?? new Uint8Array();
  return {
    ...source,
    ...truths,
    manifest,
    read: async (index) => {
      const name = source.describe(index);
      const picture = await decodeUpright(bytesOf(index), name);
      const { width, height } = truths.image(index);
      if (picture.width !== width || picture.height !== height)
        throw new UserError(
          `${name} has ${picture.width} x ${picture.height} pixels, its annotation says ${width} x ${height}; put the right picture there, or correct the annotation`,
        );
      return picture;
    },
  };
}

/** Over the files' content and all that is said of them. */
async function manifestOf(
  images: Manifest,
  truths: ObjectTruths,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const objects = await sha256Slowly(linesOf(truths));
  await breath(signal);
  const { classes, categories = [] } = truths;
  return { ...images, sha256: sha256Json({ images: images.sha256, objects, classes, categories }) };
}

/** A line a picture: id, size and objects. */
export function* linesOf({ count, image, objects }: ObjectTruths): Generator<string> {
  for (let index = 0; index < count; index++) {
    const { id, width, height } = image(index);
    yield `${JSON.stringify([id, width, height, objects(index).map(fieldsOf)])}\n`;
  }
}

function fieldsOf(object: SeenObject): unknown[] {
  const { class: label, box, area, crowd, difficult, polygons = [], mask } = object;
  const outline = polygons.map((points) => [...points]);
  const runs = mask === undefined ? '' : rleText(mask);
  return [label, box, area, crowd, difficult, outline, runs];
}
