import { resolve } from 'node:path';
import type { IndexOptions } from '../sources/file_index.ts';
import { readCocoFile } from './coco_file.ts';
import type { ObjectSpec } from './object_spec.ts';
import type { ObjectIndex } from './voc_objects.ts';

type CocoSpec = Extract<ObjectSpec, { kind: 'cocoObjects' }>;

/** COCO's pictures by rising id, and their objects. @throws UserError as `readCocoFile` */
export async function indexCocoObjects(
  { root, part }: CocoSpec,
  { data, signal }: IndexOptions,
): Promise<ObjectIndex> {
  const path = resolve(data, root, 'annotations', `instances_${part}.json`);
  const file = await readCocoFile(path, signal);
  const { images, classes, categories } = file;
  const image = (index: number) => {
    const found = images[index];
    if (found === undefined) throw new RangeError(`${path}: no picture ${index}`);
    return found;
  };
  return {
    files: {
      root: resolve(data, root, part),
      names: images.map(({ file: name }) => name),
      notes: [],
      where: (place) => `${path}: image ${image(place).id}`,
    },
    truths: {
      count: images.length,
      classes,
      categories,
      image,
      objects: (index) => file.objects(index),
    },
  };
}
