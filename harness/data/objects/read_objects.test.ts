import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { UserError } from '../../base/errors.ts';
import { bitmapOf } from '../../metrics/rle.ts';
import { sharedPath } from '../../testing/shared.ts';
import { objectSpec } from './object_spec.ts';
import { trainable } from './objects.ts';
import { openObjects } from './open_objects.ts';

const data = mkdtempSync(join(tmpdir(), 'objects-'));
process.env.XDG_CACHE_HOME = join(data, 'cache');
afterAll(() => rmSync(data, { recursive: true }));

const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(data, path)), { recursive: true });
  writeFileSync(join(data, path), content);
};
const picture = (width: number, height: number, orientation = 1) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } })
    .withMetadata({ orientation })
    .jpeg()
    .toBuffer();

const object = (name: string, box: readonly (number | string)[], more = '') =>
  `<object><name>${name}</name>${more}<bndbox>${['xmin', 'ymin', 'xmax', 'ymax']
    .map((side, i) => `<${side}>${box[i]}</${side}>`)
    .join('')}</bndbox><part><name>head</name><bndbox/></part></object>`;
const xml = (...objects: string[]) =>
  `<annotation>\n<size><width>30</width><height>20</height></size>\n${objects.join('\n')}</annotation>`;

const vocSpec = objectSpec.parse({
  kind: 'vocObjects',
  splits: [{ year: 2007 }, { year: 2012 }],
});

async function voc(annotation: string) {
  rmSync(join(data, 'VOCdevkit'), { recursive: true, force: true });
  write('VOCdevkit/VOC2007/ImageSets/Main/trainval.txt', '000007\n');
  write('VOCdevkit/VOC2012/ImageSets/Main/trainval.txt', '2008_000002\n');
  write('VOCdevkit/VOC2007/Annotations/000007.xml', annotation);
  write('VOCdevkit/VOC2012/Annotations/2008_000002.xml', xml());
  write('VOCdevkit/VOC2007/JPEGImages/000007.jpg', await picture(20, 30, 6));
  write('VOCdevkit/VOC2012/JPEGImages/2008_000002.jpg', await picture(30, 21));
  return openObjects(vocSpec, { data });
}

describe('VOC', () => {
  test('both years, boxes from 0, difficult objects, no parts', async () => {
    const source = await voc(
      xml(
        object('dog', [1, 1, 30, 20], '<difficult>1</difficult>'),
        object('cat', [2.5, 3, 4.25, '7.0']),
      ),
    );
    expect(source.count).toBe(2);
    expect(source.classes.length).toBe(20);
    expect(source.image(1)).toMatchObject({ id: '2008_000002', width: 30, height: 20 });
    expect(source.objects(0)).toEqual([
      { class: 11, box: [0, 0, 30, 20], area: 600, crowd: false, difficult: true },
      { class: 7, box: [1.5, 2, 4.25, 7], area: 13.75, crowd: false, difficult: false },
    ]);
    expect([...trainable(source)]).toEqual([0]);
  });

  test('a picture is turned upright, and one of another size is refused', async () => {
    const source = await voc(xml(object('dog', [1, 1, 30, 20])));
    expect(await source.read(0)).toMatchObject({ width: 30, height: 20 });
    await expect(source.read(1)).rejects.toThrow(
      '2008_000002.jpg has 30 x 21 pixels, its annotation says 30 x 20',
    );
  });

  test('another box is another manifest', async () => {
    const first = (await voc(xml(object('dog', [1, 1, 30, 20])))).manifest.sha256;
    const second = (await voc(xml(object('dog', [1, 1, 30, 19])))).manifest.sha256;
    expect(first).not.toBe(second);
  });

  test.each([
    ['<annotation><size>', '000007.xml, line 1, column'],
    ['', '000007.xml'],
    [xml(object('unicorn', [1, 1, 2, 2])), 'line 3: object 0 ("unicorn") is of no known class'],
    [
      xml(object('dog', [1, 1, 2, 2]), object('cat', [9, 1, 3, 2])),
      'line 4: object 1 ("cat") has the box 8, 0, 3, 2, whose right',
    ],
    [
      xml(object('dog', [1, 1, 40, 2])),
      'object 0 ("dog") has the box 0, 0, 40, 2, outside the picture of 30 x 20',
    ],
    [xml(object('dog', [1, 'x', 40, 2])), '<ymin> is "x", expected a number'],
    [xml('<object><name>dog</name></object>'), '<object> has 0 elements <bndbox>'],
    [
      xml(object('dog', [1, 1, 2, 2], '<difficult>2</difficult>')),
      '<difficult> is 2, expected 0 or 1',
    ],
    ['<annotation><size><width>0</width><height>3</height></size></annotation>', '<width> is 0'],
    ['<annotation/>', '<annotation> has 0 elements <size>'],
    ['<a>&unknown;</a>', 'undefined entity'],
  ])('is refused: $1', async (text, message) => {
    await expect(voc(text)).rejects.toThrow(UserError);
    await expect(voc(text)).rejects.toThrow(message);
  });

  test('files that are not there are named', async () => {
    await voc(xml());
    rmSync(join(data, 'VOCdevkit/VOC2012/JPEGImages'), { recursive: true });
    await expect(openObjects(vocSpec, { data })).rejects.toThrow('2008_000002.jpg is not there');
    rmSync(join(data, 'VOCdevkit/VOC2012/Annotations'), { recursive: true });
    await expect(openObjects(vocSpec, { data })).rejects.toThrow('2008_000002.xml is not there');
    rmSync(join(data, 'VOCdevkit/VOC2012'), { recursive: true });
    await expect(openObjects(vocSpec, { data })).rejects.toThrow('trainval.txt is not there');
  });

  test('a picture of both splits is refused', async () => {
    await voc(xml());
    write('VOCdevkit/VOC2012/ImageSets/Main/trainval.txt', '000007\n');
    await expect(openObjects(vocSpec, { data })).rejects.toThrow('picture 000007 is also on');
  });
});

const cocoSpec = objectSpec.parse({ kind: 'cocoObjects', part: 'val2017' });
const whole = {
  info: { year: 2017, nested: [{ images: [1] }] },
  annotations: [
    {
      id: 5,
      image_id: 9,
      category_id: 90,
      bbox: [1, 2, 4, 3],
      area: 6,
      iscrowd: 0,
      segmentation: [
        [1, 2, 5, 2, 5, 5],
        [1, 2, 3, 4],
        [1, 2, 3],
      ],
    },
    {
      id: 6,
      image_id: 9,
      category_id: 4,
      bbox: [0, 0, 2, 2],
      area: 4,
      iscrowd: 1,
      segmentation: { size: [20, 30], counts: [0, 2, 598] },
    },
    {
      id: 7,
      image_id: 9,
      category_id: 4,
      bbox: [0, 0, 2, 2],
      area: 4,
      iscrowd: 0,
      segmentation: [[1, 2, 3, 4]],
    },
    {
      id: 8,
      image_id: 2,
      category_id: 4,
      bbox: [0, 0, 2, 2],
      area: 4,
      iscrowd: 1,
      segmentation: { size: [20, 30], counts: '02fb0' },
    },
    { id: 9, image_id: 9, category_id: 4, bbox: [0, 0, 2.5, 2] },
  ],
  images: [
    { id: 9, file_name: 'nine.jpg', width: 30, height: 20 },
    { id: 2, file_name: 'two.jpg', width: 30, height: 20 },
    { id: 3, file_name: 'two.jpg', width: 30, height: 20 },
  ],
  categories: [
    { id: 90, name: 'toothbrush' },
    { id: 4, name: 'motorcycle' },
  ],
};

async function coco(text: string) {
  write('coco/annotations/instances_val2017.json', text);
  write('coco/val2017/nine.jpg', await picture(30, 20));
  write('coco/val2017/two.jpg', await picture(30, 20));
  return openObjects(cocoSpec, { data });
}
const changed = (change: (value: typeof whole) => unknown) => {
  const value = structuredClone(whole);
  change(value);
  return JSON.stringify(value);
};

describe('COCO', () => {
  test('images by id, categories in rising order, polygons and run lengths', async () => {
    const source = await coco(JSON.stringify(whole));
    expect(source.classes).toEqual(['motorcycle', 'toothbrush']);
    expect(source.categories).toEqual([4, 90]);
    expect([0, 1, 2].map((i) => source.image(i).id)).toEqual([2, 3, 9]);
    expect(source.describe(2)).toMatch(/nine\.jpg$/);
    const [polygon, crowd, plain, ...more] = source.objects(2);
    expect(more).toEqual([]);
    expect(polygon).toMatchObject({
      class: 1,
      box: [1, 2, 5, 5],
      extent: [1, 2, 4, 3],
      area: 6,
      crowd: false,
    });
    expect(polygon?.polygons?.map((points) => [...points])).toEqual([[1, 2, 5, 2, 5, 5]]);
    expect(crowd).toMatchObject({ class: 0, crowd: true });
    expect(crowd?.mask && [...bitmapOf(crowd.mask)].flatMap((bit, i) => (bit ? [i] : []))).toEqual([
      0, 30,
    ]);
    expect(plain).toMatchObject({ box: [0, 0, 2.5, 2], area: 5 });
    expect(source.objects(1)).toEqual([]);
    expect([...trainable(source)]).toEqual([2]);
    expect(await source.read(2)).toMatchObject({ width: 30, height: 20 });
  });

  const set = (key: string, value: unknown) =>
    changed(({ annotations: [first] }) => Object.assign(first ?? {}, { [key]: value }));
  test.each([
    ['{"images": [', 'it ends in the middle'],
    ['{"images": [],}', 'behind its start'],
    ['{"images": [!]}', 'byte 12'],
    [
      JSON.stringify(whole).replace('"iscrowd":1', '"iscrowd":1,,'),
      'behind item 0 of "annotations"',
    ],
    ['[]', 'has nothing in a list "images"'],
    ['{"images": {"a": 1}}', '"images" is no list'],
    [
      changed((value) => Object.assign(value, { annotations: [] })),
      'nothing in a list "annotations"',
    ],
    [
      changed((value) => value.images.push({ id: 9, file_name: 'a', width: 1, height: 1 })),
      'image 9 is there twice',
    ],
    [
      changed(({ annotations: [, second] }) => Object.assign(second ?? {}, { id: 5 })),
      'annotation 5 is there twice',
    ],
    [
      changed((value) => value.categories.push({ id: 4, name: 'again' })),
      'category 4 is there twice',
    ],
    [
      changed((value) => Object.assign(value.images[1] ?? {}, { file_name: '../a.jpg' })),
      'image 1 (id 2): file_name',
    ],
    [set('image_id', 77), 'annotation 0 (id 5): its image 77 is none of the 3'],
    [set('category_id', 77), 'annotation 0 (id 5): its category 77 is none of the 2'],
    [set('bbox', [1, 2, -1, 3]), 'annotation 0 (id 5) has the box 1, 2, 0, 5, whose right'],
    [
      set('bbox', [1, 2, 40, 3]),
      'annotation 0 (id 5) has the box 1, 2, 41, 5, outside the picture',
    ],
    [set('bbox', [1, 2, 40]), 'annotation 0 (id 5): bbox'],
    [
      set('segmentation', [[1, 2, 5, 2, 5, 9000]]),
      'annotation 0 (id 5) has an outline far outside',
    ],
    [
      set('segmentation', { size: [20, 30], counts: [5] }),
      'annotation 0 (id 5): the counts of a mask add up to 5',
    ],
    [
      set('segmentation', { size: [20, 31], counts: [620] }),
      'has a mask of size [20,31], its picture is of [20, 30]',
    ],
  ])('is refused: $1', async (text, message) => {
    await expect(coco(text)).rejects.toThrow(UserError);
    await expect(coco(text)).rejects.toThrow(message);
  });
});

const shared = sharedPath('data');
test.skipIf(shared === undefined)('the real subsets are read whole', async () => {
  const from = { data: String(shared) };
  const splits = [{ split: 'trainval' }, { split: 'test' }];
  const photos = await openObjects(objectSpec.parse({ kind: 'vocObjects', splits }), from);
  const objects = Array.from({ length: photos.count }, (_, i) => photos.objects(i)).flat();
  expect([photos.count, objects.length]).toEqual([100, 273]);
  expect(objects.filter(({ difficult }) => difficult).length).toBe(38);
  const common = await openObjects(cocoSpec, from);
  const seen = Array.from({ length: common.count }, (_, i) => common.objects(i)).flat();
  expect([common.count, seen.length, common.classes.length]).toEqual([128, 939, 80]);
  expect(seen.filter(({ crowd }) => crowd).length).toBe(10);
  expect(trainable(common).length).toBe(126);
  expect(new Set(seen.map((one) => one.class)).size).toBe(71);
  for (const i of [0, 50, 127]) await common.read(i);
});
