import { join } from 'node:path';
import fc from 'fast-check';
import { readCocoFile } from '../../harness/data/objects/coco_file.ts';
import { readVocAnnotation, VOC_CLASSES } from '../../harness/data/objects/voc_annotation.ts';
import { deepText, mutatedJson } from './json.ts';
import { mutated, type PieceFormat, pick } from './pieces.ts';
import type { Target } from './target.ts';

const text = (value: string) => new Uint8Array(Buffer.from(value));
const PARTS: Pick<PieceFormat, 'join'> = { join: (pieces) => Buffer.concat(pieces) };
const ODD = ['', ' ', '{', '[]', 'null', '\ufeff{}', '<a/>', '<a', '\0', deepText(5000)].map(text);

const XML = [
  `<?xml version="1.0"?>
<annotation>
\t<size><width>500</width><height>333</height><depth>3</depth></size>
\t<object>
\t\t<name>person</name>
\t\t<difficult>0</difficult>
\t\t<bndbox><xmin>8.5</xmin><ymin>12</ymin><xmax>352</xmax><ymax>3.1e2</ymax></bndbox>
\t\t<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
\t</object>
</annotation>
`,
  `<annotation><size>
<width>3</width><height>2</height></size><object><name>dog</name><bndbox>
<ymax>2</ymax><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax></bndbox></object>
<!-- a --><object><name><![CDATA[cat]]></name><difficult>1</difficult><bndbox>
<xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object></annotation>`,
];

/** Whole XML in which one word between tags is another, so that what is said is tried too. */
const reworded = fc
  .record({
    seed: fc.nat(),
    place: fc.nat(),
    word: fc.constantFrom('0', '1', '2', '3', '-1', '2.5', '1e999', '', ' 7 ', 'cat', 'NaN', '501'),
  })
  .map(({ seed, place, word }) => {
    const parts = pick(XML, seed).split(/(?<=>)([^<>\s]+)(?=<\/)/);
    const at = 1 + 2 * (place % Math.floor(parts.length / 2));
    return text(parts.map((part, i) => (i === at ? word : part)).join(''));
  });

/** An annotation of VOC's: other words, or pieces that end behind a tag. */
export function vocObjectsTarget(): Target {
  const pieces = (value: string) => value.split(/(?<=>)/).map(text);
  return {
    files: fc.oneof(mutated({ seeds: XML.map(pieces), ...PARTS }), reworded),
    fixed: [...XML.map(text), ...ODD, text('<a>'.repeat(100_000)), text('<a>&b;</a>')],
    place: (folder) => join(folder, '000005.xml'),
    feed: (path) => readVocAnnotation(path, VOC_CLASSES),
  };
}

const image = (id: number) => ({ id, file_name: `${id}.jpg`, width: 30, height: 20 });
const of = (id: number) => ({ id, image_id: 9, category_id: 4, bbox: [1, 2, 4, 3], iscrowd: 0 });
const COCO = {
  images: [image(9), image(2)],
  annotations: [
    { ...of(1), area: 6, segmentation: [[1, 2, 5, 2, 5, 5]] },
    { ...of(2), iscrowd: 1, segmentation: { size: [20, 30], counts: [0, 2, 598] } },
    { ...of(3), segmentation: { size: [20, 30], counts: '02fb0' } },
  ],
  categories: [
    { id: 90, name: 'toothbrush' },
    { id: 4, name: 'motorcycle' },
  ],
};

/** Instances of COCO's; read whole, with every outline and mask. */
export function cocoObjectsTarget(): Target {
  const json = (value: unknown) => text(JSON.stringify(value) ?? 'null');
  const lines = (value: string) => value.split(/(?<=\n)/).map(text);
  const asText = mutated({ seeds: [lines(JSON.stringify(COCO, null, 1))], ...PARTS });
  return {
    files: fc.oneof(
      { weight: 3, arbitrary: mutatedJson([COCO]).map(json) },
      { weight: 1, arbitrary: asText },
    ),
    fixed: [json(COCO), ...ODD, text(`{"images": ${deepText(5000)}}`)],
    place: (folder) => join(folder, 'instances.json'),
    feed: async (path) => {
      const file = await readCocoFile(path);
      return file.images.map((_, place) => file.objects(place));
    },
  };
}
