import { basename, extname } from 'node:path';
import { UserError } from '../base/errors.ts';
import { readJson } from '../base/json_file.ts';
import { ABSENT, DIFFICULT, PRESENT } from './marks.ts';
import type { Source } from './source.ts';

/** Images whose labels a file gives. */
export type Targeted = Pick<Source, 'count' | 'describe'> & { readonly classes: readonly string[] };

/**
 * Labels of the original's target files, `{ID: {CLASS: LABEL}}`, where ID is the name of an image
 * without its extension (docs/reference/benchmarks.md, section 2.1): also those of a user's own low-shot
 * samples. What a file leaves out is -1.
 * @returns int8 [count, classes]: 1 present, 0 absent, -1 not to be used
 * @throws UserError naming the file, image and class for what the images are not, or no label.
 */
export function readTargets(path: string, images: Targeted): Int8Array {
  const value = readJson(path, 'labels of images by id and class');
  const places = placesOf(images);
  const labels = new Map(images.classes.map((name, label) => [name, label] as const));
  const marks = new Int8Array(images.count * labels.size).fill(DIFFICULT);
  for (const [id, targets] of entriesOf(value, path, 'images')) {
    const place = places.get(id);
    const shown = JSON.stringify(id.slice(0, 100));
    if (place === undefined)
      throw new UserError(
        `${path}: ${shown} is none of the ${images.count} images; the file is of another set or split`,
      );
    for (const [name, mark] of entriesOf(targets, `${path}: ${shown}`, 'classes')) {
      const label = labels.get(name);
      if (label === undefined)
        throw new UserError(
          `${path}: ${shown}: ${JSON.stringify(name.slice(0, 100))} is none of the ${labels.size} classes; the file is of another set`,
        );
      if (mark !== PRESENT && mark !== ABSENT && mark !== DIFFICULT)
        throw new UserError(
          `${path}: ${shown}: ${name} has label ${JSON.stringify(mark)?.slice(0, 50)}, expected 1, 0 or -1`,
        );
      marks[place * labels.size + label] = mark;
    }
  }
  return marks;
}

/** Places of images by their ids. @throws UserError where two have one. */
function placesOf({ count, describe }: Targeted): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (let place = 0; place < count; place++) {
    const name = basename(describe(place));
    const id = name.slice(0, name.length - extname(name).length);
    const before = places.get(id);
    if (before !== undefined)
      throw new UserError(
        `${describe(before)} and ${describe(place)} have one id, ${id}; labels cannot be told apart by it`,
      );
    places.set(id, place);
  }
  return places;
}

function entriesOf(value: unknown, where: string, what: string): readonly [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.entries(value);
  throw new UserError(
    `${where} is no table of ${what}, expected {"ID": {"CLASS": 1, 0 or -1, …}, …}`,
  );
}
