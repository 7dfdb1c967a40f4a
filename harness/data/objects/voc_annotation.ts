import { UserError } from '../../base/errors.ts';
import { quoted } from '../sources/list_line.ts';
import { type Corners, faultOfBox, type SeenObject } from './objects.ts';
import { readXml, type XmlElement } from './xml.ts';

/** Classes of VOC 2007 to 2012, by label. */
export const VOC_CLASSES = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
] as const;

export interface VocAnnotation {
  readonly width: number;
  readonly height: number;
  readonly objects: readonly SeenObject[];
}

/**
 * What VOC's file of one picture says: its size and each `object` directly below the root, of which the
 * `part`s are none. The file counts pixels from 1 with both ends within; 1 is taken off the left and
 * upper side alone, as detectron2 does.
 * @throws UserError naming file, line and object: XML that breaks, a class that is none of `classes`, a
 *   box with a side missing, outside the picture or the wrong way round.
 */
export function readVocAnnotation(path: string, classes: readonly string[]): VocAnnotation {
  const root = readXml(path);
  const size = only(path, root, 'size');
  const [width, height] = [side(path, size, 'width'), side(path, size, 'height')];
  const objects = root.children
    .filter(({ name }) => name === 'object')
    .map((element, i) => {
      const word = only(path, element, 'name').text.trim();
      const label = classes.indexOf(word);
      const where = `${path}, line ${element.line}: object ${i} (${quoted(word)})`;
      if (label < 0)
        throw new UserError(
          `${where} is of no known class; expected one of ${classes.join(', ')}: correct its name`,
        );
      const box = boxOf(path, only(path, element, 'bndbox'));
      const fault = faultOfBox(box, width, height);
      if (fault !== undefined) throw new UserError(`${where} ${fault}`);
      const area = (box[2] - box[0]) * (box[3] - box[1]);
      const difficult = flag(path, element, 'difficult');
      return { class: label, box, area, crowd: false, difficult };
    });
  return { width, height, objects };
}

function boxOf(path: string, element: XmlElement): Corners {
  const at = (name: string) => number(path, only(path, element, name));
  return [at('xmin') - 1, at('ymin') - 1, at('xmax'), at('ymax')];
}

function only(path: string, { name, line, children }: XmlElement, wanted: string): XmlElement {
  const found = children.filter((child) => child.name === wanted);
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new UserError(
      `${path}, line ${line}: <${name}> has ${found.length} elements <${wanted}>, expected one; copy the file again`,
    );
  return first;
}

function number(path: string, { name, line, text }: XmlElement): number {
  const word = text.trim();
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word))
    throw new UserError(
      `${path}, line ${line}: <${name}> is ${quoted(word)}, expected a number; copy the file again`,
    );
  return Number(word);
}

function side(path: string, size: XmlElement, name: string): number {
  const element = only(path, size, name);
  const value = number(path, element);
  if (!(Number.isSafeInteger(value) && value > 0))
    throw new UserError(
      `${path}, line ${element.line}: <${name}> is ${value}, expected whole pixels, 1 or more; correct it`,
    );
  return value;
}

function flag(path: string, object: XmlElement, name: string): boolean {
  const element = object.children.find((child) => child.name === name);
  if (element === undefined) return false;
  const value = number(path, element);
  if (value !== 0 && value !== 1)
    throw new UserError(
      `${path}, line ${element.line}: <${name}> is ${value}, expected 0 or 1; correct it`,
    );
  return value === 1;
}
