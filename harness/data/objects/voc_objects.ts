import { join, resolve } from 'node:path';
import { breath } from '../../base/breath.ts';
import { UserError } from '../../base/errors.ts';
import type { FileIndex, IndexOptions } from '../sources/file_index.ts';
import { idLines } from '../sources/voc.ts';
import type { ObjectSpec } from './object_spec.ts';
import type { ObjectTruths } from './objects.ts';
import { readVocAnnotation, VOC_CLASSES, type VocAnnotation } from './voc_annotation.ts';

type VocSpec = Extract<ObjectSpec, { kind: 'vocObjects' }>;

/** Files of pictures, and what they show. */
export interface ObjectIndex {
  readonly files: FileIndex;
  readonly truths: ObjectTruths;
}

const BREATH = 64; // files of XML between two breaths

/**
 * The pictures of VOC's splits, in the order of their lists, and their objects.
 * @throws UserError naming list and line, or annotation and object, where something is missing or wrong
 */
export async function indexVocObjects(
  { root, splits }: VocSpec,
  { data, signal }: IndexOptions,
): Promise<ObjectIndex> {
  const devkit = resolve(data, root);
  const names: string[] = [];
  const places: string[] = [];
  const images: (VocAnnotation & { readonly id: string })[] = [];
  const before = new Map<string, string>();
  for (const { year, split } of splits) {
    const folder = join(devkit, `VOC${year}`);
    const list = join(folder, 'ImageSets', 'Main', `${split}.txt`);
    for (const [id, line] of idLines(list)) {
      if (images.length % BREATH === 0) await breath(signal);
      const place = `${list}, line ${line}`;
      const other = before.get(id);
      if (other !== undefined)
        throw new UserError(
          `${place}: picture ${id} is also on ${other}; results are told apart by their ids, so remove one`,
        );
      before.set(id, place);
      const annotation = join(folder, 'Annotations', `${id}.xml`);
      images.push({ id, ...readVocAnnotation(annotation, VOC_CLASSES) });
      names.push(`VOC${year}/JPEGImages/${id}.jpg`);
      places.push(place);
    }
  }
  const imageAt = (index: number) => {
    const found = images[index];
    if (found === undefined) throw new RangeError(`VOC: no picture ${index}`);
    return found;
  };
  return {
    files: { root: devkit, names, notes: [], where: (place) => places[place] ?? '' },
    truths: {
      count: images.length,
      classes: VOC_CLASSES,
      image: imageAt,
      objects: (index) => imageAt(index).objects,
    },
  };
}
