import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { labelFile, readLabels } from '../../benchmarks/lowshot_labels.ts';
import { lowShotMarks } from '../../harness/data/low_shot.ts';
import { openSource } from '../../harness/data/open_source.ts';
import { sourceSpec } from '../../harness/data/spec.ts';
import { sharedPath } from '../../harness/testing/shared.ts';
import { npyNumbers, npyTexts } from './npy.ts';
import { prepare } from './prepare.ts';
import type { PrepareOptions } from './work.ts';

const pictures = fileURLToPath(new URL('../../golden/data/images', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-prepare-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...parts: string[]) => join(folder, ...parts);
const out = () => at('data');
const read = (...parts: string[]) => readFileSync(join(out(), ...parts), 'utf8');

function run(name: string, more: Partial<PrepareOptions> = {}) {
  return prepare(name, { from: [], out: out(), seed: 0, decode: false, tell: () => {}, ...more });
}

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

/** A picture of its own: what stands behind the end of a JPEG file does not count. */
function picture(name: string): Buffer {
  const own = createHash('sha256').update(name).digest();
  return Buffer.concat([readFileSync(join(pictures, 'jpeg420')), own.subarray(0, 8)]);
}

async function tar(path: string, entries: readonly (readonly [string, string | Buffer])[]) {
  const made = pack();
  for (const [name, content] of entries) made.entry({ name }, content);
  made.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of made) pieces.push(Buffer.from(piece));
  const bytes = Buffer.concat(pieces);
  if (path !== '') write(path, bytes);
  return bytes;
}

/** Content, size and time of everything in a folder. */
function stateOf(path: string): readonly unknown[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ctimeMs, mode } = statSync(join(path, name));
      return [name, size, mtimeMs, ctimeMs, mode];
    });
}

describe('arrays are those of numpy.save (2.x)', () => {
  const HEAD = 128;
  test('of numbers and of texts', () => {
    const numbers = npyNumbers([1, -1, 0, 0, 2, -1], 3);
    expect(numbers.toString('latin1', 10, HEAD).trimEnd()).toBe(
      "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
    );
    expect(numbers.toString('hex', HEAD)).toBe('01000000ffffffff000000000000000002000000ffffffff');
    const texts = npyTexts(['ab', 'é/c.jpg']);
    expect(texts.toString('latin1', 10, HEAD).trimEnd()).toBe(
      "{'descr': '<U7', 'fortran_order': False, 'shape': (2,), }",
    );
    expect(texts.toString('hex', HEAD)).toBe(
      '61000000620000000000000000000000000000000000000000000000e90000002f000000630000002e0000006a0000007000000067000000',
    );
    expect(texts.readUInt16LE(8)).toBe(HEAD - 10);
  });
});

describe('voc07', () => {
  const IDS = { trainval: ['000005', '000007'], test: ['000001', '000002'] };

  /** The entries of an archive as the publisher's: two classes. */
  function entries(split: keyof typeof IDS): (readonly [string, string | Buffer])[] {
    const root = 'VOCdevkit/VOC2007';
    const [a, b] = IDS[split];
    return [
      ...IDS[split].map((id) => [`${root}/JPEGImages/${id}.jpg`, picture(id)] as const),
      [`${root}/ImageSets/Main/${split}.txt`, `${a}\n${b}\n`],
      [`${root}/ImageSets/Main/cat_${split}.txt`, `${a}  1\n${b} -1\n`],
      [`${root}/ImageSets/Main/dog_${split}.txt`, `${a}  0\n${b}  1\n`],
      ['VOCdevkit/VOCcode/readme', 'code'],
    ];
  }

  test('of two archives in a folder has labels, lists and no low-shot samples', async () => {
    await tar('down/VOCtrainval_06-Nov-2007.tar', entries('trainval'));
    await tar('down/VOCtest_06-Nov-2007.tar', entries('test'));
    const before = stateOf(at('down'));
    const { said, differences } = await run('voc07', { from: [at('down')] });
    expect(stateOf(at('down'))).toEqual(before);
    const labels = 'VOCdevkit/VOC2007/SVMLabels';
    expect(readFileSync(join(out(), labels, 'train_labels.npy'))).toEqual(
      npyNumbers([1, -1, 0, 1], 2),
    );
    expect(readFileSync(join(out(), labels, 'train_images.npy'))).toEqual(
      npyTexts(IDS.trainval.map((id) => `VOCdevkit/VOC2007/JPEGImages/${id}.jpg`)),
    );
    expect(JSON.parse(read(labels, 'test_targets.json'))).toEqual({
      '000001': { cat: 1, dog: -1 },
      '000002': { cat: 0, dog: 1 },
    });
    expect(read('VOCdevkit/VOC2007/Lists/trainvaltest.txt')).toBe(
      '000005.jpg\n000007.jpg\n000001.jpg\n000002.jpg\n',
    );
    expect(said.join('\n')).toMatch(/VOC2007 test: 2 images, 2 classes/);
    const told = differences.join('\n');
    expect(told).toMatch(/VOCtest_06-Nov-2007\.tar has MD5 \w+, and b6e924\w+ is the official one/);
    expect(told).toMatch(/VOC2007 test: 2 of 4952 images: not the official set/);
    expect(told).toMatch(/its classes are not the official ones: cat, dog/);
    expect(told).toMatch(/low-shot labels: k 1: 1 images are without "cat", expected at least 19/);
  });

  test('once more writes nothing, and labels of the user are kept', async () => {
    await tar('VOC2007.tar', [...entries('trainval'), ...entries('test')]);
    await run('voc07', { from: [at('VOC2007.tar')] });
    const before = stateOf(out());
    const { said } = await run('voc07', { from: [at('VOC2007.tar')] });
    expect(stateOf(out())).toEqual(before);
    expect(said.filter((line) => line.startsWith('wrote'))).toEqual([]);
    const path = join(out(), 'VOCdevkit/VOC2007/SVMLabels/train_targets.json');
    writeFileSync(path, '{}');
    await expect(run('voc07')).rejects.toThrow(
      /train_targets\.json is there with other content, which is kept/,
    );
    expect(readFileSync(path, 'utf8')).toBe('{}');
  });

  test('says what is damaged, there twice, or in both parts', async () => {
    const [first] = IDS.test;
    const jpeg = 'VOCdevkit/VOC2007/JPEGImages';
    const test = entries('test').map(([name, content]) =>
      name.endsWith(`${first}.jpg`)
        ? ([name, picture('000005')] as const)
        : ([name, content] as const),
    );
    await tar('VOC2007.tar', [...entries('trainval'), ...test]);
    await run('voc07', { from: [at('VOC2007.tar')] });
    rmSync(join(out(), jpeg, '000007.jpg'));
    writeFileSync(join(out(), jpeg, '000007.jpg'), picture('x').subarray(0, 700));
    writeFileSync(
      join(out(), jpeg, '000002.jpg'),
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    );
    const told = (await run('voc07')).differences.join('\n');
    expect(told).toMatch(/trainval: files that cannot be used: 1: .*000007\.jpg/);
    expect(told).toMatch(/test: files that cannot be used: 1: .*000002\.jpg.*git lfs pull/);
    expect(told).toMatch(/test: images that are among those of training: 1: .*000001\.jpg/);
  });

  test('is not written through a link into what was downloaded', async () => {
    await tar('VOC2007.tar', [...entries('trainval'), ...entries('test')]);
    await run('voc07', { from: [at('VOC2007.tar')], out: at('other') });
    rmSync(at('other/VOCdevkit/VOC2007/SVMLabels'), { recursive: true });
    mkdirSync(out());
    symlinkSync(at('other/VOCdevkit'), join(out(), 'VOCdevkit'));
    await expect(run('voc07')).rejects.toThrow(
      /leads out of .*where nothing is written; name that as --from/,
    );
    expect(readdirSync(at('other/VOCdevkit/VOC2007'))).not.toContain('SVMLabels');
  });

  const devkit = sharedPath('data', 'VOCdevkit');
  test.skipIf(devkit === undefined)(
    'of the subset in a folder is linked and labelled',
    async () => {
      const from = dirname(devkit ?? '');
      const { differences } = await run('voc07', { from: [from], seed: 3 });
      expect(differences).toContain('VOC2007 test: 36 of 4952 images: not the official set');
      const labels = join(out(), 'VOCdevkit/VOC2007/SVMLabels/low_shot/labels');
      expect(readdirSync(labels)).toHaveLength(10); // only k 1 exists
      const drawn = JSON.parse(readFileSync(join(labels, 'train_targets_sample2_k1.json'), 'utf8'));
      const all = JSON.parse(read('VOCdevkit/VOC2007/SVMLabels/train_targets.json'));
      const ids = Object.keys(all);
      expect(Object.keys(drawn)).toEqual(ids);
      for (const name of Object.keys(all[ids[0] ?? ''])) {
        const of = (mark: number) => ids.filter((id) => drawn[id][name] === mark);
        expect([of(1).length, of(0).length]).toEqual([1, 19]);
        for (const id of [...of(0), ...of(1)]) expect(drawn[id][name]).toBe(all[id][name]);
      }
      const set = await openKnown(out());
      const fromArray = readLabels(labels, labelFile(2, 1), set);
      rmSync(join(labels, `${labelFile(2, 1)}.npy`));
      expect(readLabels(labels, labelFile(2, 1), set)).toEqual(fromArray);
      const draw = { k: 1, sample: 2, seed: 3 };
      expect(fromArray).toEqual(lowShotMarks({ marks: set.marks, classes: set.classes }, draw));
      const source = await openSource(
        { kind: 'voc', root: 'VOCdevkit', year: 2007, split: 'test' },
        { data: out() },
      );
      expect(source.count).toBe(36);
    },
  );
});

/** The training images as the low-shot protocol has them. */
async function openKnown(data: string) {
  const { count, describe, ...source } = await openSource(sourceSpec.parse({ kind: 'voc' }), {
    data,
  });
  const { marks = new Int8Array(), classes = [] } = source;
  return { count, describe, marks, classes, labels: undefined };
}

const WNIDS = ['n01440764', 'n01443537'] as const;

/** Three training images and two for validation of each class, as the publisher's archives. */
async function imagenetArchives(): Promise<void> {
  const inner = await Promise.all(
    WNIDS.map((id) =>
      tar(
        '',
        [1, 2, 3].map((i) => [`${id}_${i}.JPEG`, picture(`${id}${i}`)] as const),
      ),
    ),
  );
  await tar(
    'ILSVRC2012_img_train.tar',
    WNIDS.map((id, i) => [`${id}.tar`, inner[i] ?? ''] as const),
  );
  await tar(
    'ILSVRC2012_img_val.tar',
    [1, 2, 3, 4].map((i) => [`ILSVRC2012_val_0000000${i}.JPEG`, picture(`val${i}`)] as const),
  );
}

const VAL = [1, 0, 0, 1].map((label, i) => `ILSVRC2012_val_0000000${i + 1}.JPEG ${label}`);
const TRAIN = WNIDS.flatMap((id, label) => [1, 2, 3].map((i) => `${id}/${id}_${i}.JPEG ${label}`));

describe('imagenet', () => {
  const archives = () => [at('ILSVRC2012_img_train.tar'), at('ILSVRC2012_img_val.tar')];

  test('of its archives has four lists, labels of validation from a list', async () => {
    await imagenetArchives();
    await expect(run('imagenet', { from: archives() })).rejects.toThrow(
      /val has images without folders, so nothing tells their classes; name a list .* as --labels/,
    );
    write('val.txt', `${VAL.join('\n')}\n`);
    const { differences, said } = await run('imagenet', {
      from: archives(),
      labels: at('val.txt'),
    });
    expect(read('imagenet/meta/train_labeled.txt')).toBe(`${TRAIN.join('\n')}\n`);
    expect(read('imagenet/meta/train.txt').split('\n')[3]).toBe('n01443537/n01443537_1.JPEG');
    expect(read('imagenet/meta/val_labeled.txt')).toBe(`${VAL.join('\n')}\n`);
    expect(differences.join('\n')).toMatch(
      /ImageNet train: 6 of 1281167 images: not the official set/,
    );
    expect(said.join('\n')).toMatch(/ILSVRC2012_img_train\.tar: 6 files, 6 of them there already/);
    const before = stateOf(out());
    await run('imagenet');
    expect(stateOf(out())).toEqual(before);
  });

  test.each([
    [
      'shifted by one',
      (line: string) => line.replace(/\d$/, (label) => String(Number(label) + 1)),
      /label "2" is none of the 2 classes .*take 1 from each, if the list counts from 1/,
    ],
    ['of one too few', (line: string) => line.replace(/ \d$/, ''), /line 1: .* has no label/],
  ])('labels of validation %s are refused by file and line', async (_, change, message) => {
    await imagenetArchives();
    write('val.txt', `${VAL.map(change).join('\n')}\n`);
    await expect(run('imagenet', { from: archives(), labels: at('val.txt') })).rejects.toThrow(
      message,
    );
  });

  test('of folders compares the classes of both parts', async () => {
    for (const [part, ids] of [
      ['train', WNIDS],
      ['val', [WNIDS[0], 'n01484850']],
    ] as const)
      for (const id of ids) write(`down/${part}/${id}/1.JPEG`, picture(part + id));
    await expect(run('imagenet', { from: [at('down')] })).rejects.toThrow(
      /ImageNet val and ImageNet train do not have the same classes .*missing in ImageNet val: "n01443537"/,
    );
  });

  test('a list that is there with labels shifted by one is named as that, and kept', async () => {
    for (const part of ['train', 'val'])
      for (const id of WNIDS) write(`data/imagenet/${part}/${id}/1.JPEG`, picture(part + id));
    const wrong = WNIDS.map((id, i) => `${id}/1.JPEG ${i + 1}\n`).join('');
    write('data/imagenet/meta/train_labeled.txt', wrong);
    await expect(run('imagenet')).rejects.toThrow(
      /train_labeled\.txt is there and has labels that are those of the folders shifted by one; move it away/,
    );
    expect(read('imagenet/meta/train_labeled.txt')).toBe(wrong);
  });
});

describe('imagenet_subset', () => {
  beforeEach(() => {
    for (const id of WNIDS)
      for (let i = 1; i <= 50; i++)
        write(`data/imagenet/train/${id}/${id}_${i}.JPEG`, picture(id + i));
  });

  test("reads SimCLR's lists into the original's form", async () => {
    write('1percent.txt', 'n01443537_7.JPEG\nn01440764_10.JPEG\n');
    write('10percent.txt', 'n01443537_8.JPEG\n');
    const { differences } = await run('imagenet_subset', {
      from: [at('1percent.txt'), at('10percent.txt')],
    });
    expect(read('imagenet/meta/train_labeled_1percent.txt')).toBe(
      'n01443537/n01443537_7.JPEG 1\nn01440764/n01440764_10.JPEG 0\n',
    );
    expect(read('imagenet/meta/train_labeled_10percent.txt')).toBe(
      'n01443537/n01443537_8.JPEG 1\n',
    );
    expect(differences.join('\n')).toMatch(
      /1percent\.txt: 2 images, SimCLR's list of 1 % has 12811: not the official list/,
    );
    write(
      'data/imagenet/meta/train_labeled.txt',
      WNIDS.map((id, i) => `${id}/${id}_1.JPEG ${i}\n`).join(''),
    );
    await expect(run('imagenet_subset', { from: [at('1percent.txt')] })).rejects.toThrow(
      /1percent\.txt, line 1: "n01443537_7\.JPEG" is no image of the source/,
    );
  });

  test('draws balanced ones where there are none, and their names say so', async () => {
    const of = async (seed: number) => {
      await run('imagenet_subset', { seed }).catch((error: Error) => {
        if (!/1 samples for 2 classes/.test(error.message)) throw error; // 1 % of 100 images
      });
    };
    await of(0);
    for (const id of WNIDS)
      for (let i = 51; i <= 150; i++)
        write(`data/imagenet/train/${id}/${id}_${i}.JPEG`, picture(id + i));
    const { differences } = await run('imagenet_subset', { seed: 4 });
    const lines = read('imagenet/meta/train_labeled_10percent_seed4.txt').trim().split('\n');
    expect(lines).toHaveLength(30);
    expect(lines.filter((line) => line.endsWith(' 1'))).toHaveLength(15);
    expect(differences.join('\n')).toMatch(
      /class-balanced subset of 10 %, seed 4, not SimCLR's: 30 of 300/,
    );
  });
});

test('places205 has four lists from the tables of its publisher', async () => {
  const csv = (names: readonly string[]) => names.map((name, i) => `${name} ${i % 2}\n`).join('');
  const train = ['a/abbey/1.jpg', 'a/airport/1.jpg', 'a/abbey/2.jpg', 'a/airport/2.jpg'];
  const val = ['a/abbey/3.jpg', 'a/airport/3.jpg'];
  for (const name of [...train, ...val])
    write(`down/data/vision/torralba/deeplearning/images256/${name}`, picture(name));
  await tar('down/trainvalsplit_places205.tar', [
    ['trainvalsplit_places205/train_places205.csv', csv(train)],
    ['trainvalsplit_places205/val_places205.csv', csv(val)],
  ]);
  const from = [at('down'), at('down/trainvalsplit_places205.tar')];
  const { differences } = await run('places205', { from });
  expect(read('places205/meta/train_labeled.txt')).toBe(csv(train));
  expect(read('places205/meta/val.txt')).toBe(`${val.join('\n')}\n`);
  expect(differences.join('\n')).toMatch(/Places205 val: 2 of 20500 images: not the official set/);
  const spec = {
    kind: 'list',
    root: 'places205/val',
    file: 'places205/meta/val_labeled.txt',
    labelled: true,
  } as const;
  const source = await openSource(spec, { data: out() });
  expect((await source.read(1)).width).toBeGreaterThan(0);
});

describe('cifar', () => {
  test('of an archive is counted, and its files are compared with the published sums', async () => {
    const record = Buffer.alloc(2 * 3073, 9);
    const files = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
    await tar(
      'cifar-10-binary.tar',
      [...files, 'test_batch.bin'].map((name) => [`cifar-10-batches-bin/${name}`, record] as const),
    );
    const { said, differences } = await run('cifar10', { from: [at('cifar-10-binary.tar')] });
    expect(said.join('\n')).toMatch(/cifar10 train: 10 images, 10 classes/);
    expect(differences.join('\n')).toMatch(
      /test_batch\.bin has MD5 \w+, the publisher's is 803d5f7f4d78ea53de84dbe85f74fb6d/,
    );
    expect(differences).toContain('cifar10 test: 2 of 10000 images: not the official set');
  });

  const shared = sharedPath('data', 'cifar-10-batches-bin');
  test.skipIf(shared === undefined)(
    'of a folder is linked; two batches have the published sum',
    async () => {
      const { said, differences } = await run('cifar10', { from: [dirname(shared ?? '')] });
      expect(said.filter((line) => line.endsWith("has the publisher's MD5"))).toHaveLength(2);
      expect(differences).toContain('cifar10 train: 20000 of 50000 images: not the official set');
    },
  );
});

test('a preparation that is stopped goes on from there', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `data_batch_${i}.bin`);
  await tar(
    'cifar-10-binary.tar',
    ['data_batch_1.bin', 'test_batch.bin', ...names].map(
      (name) => [`cifar-10-batches-bin/${name}`, Buffer.alloc(3073, 3)] as const,
    ),
  );
  const stop = new AbortController();
  const from = [at('cifar-10-binary.tar')];
  const tell = () => stop.abort();
  await expect(run('cifar10', { from, signal: stop.signal, tell })).rejects.toThrow(
    /^stopped; the same command goes on from here$/,
  );
  const { said } = await run('cifar10', { from });
  expect(said.join('\n')).toMatch(/cifar10 test: 1 images/);
});

describe('what cannot be prepared', () => {
  test('is named', async () => {
    await expect(run('mnist')).rejects.toThrow(
      /there is no set mnist; expected voc07, voc, coco, imagenet/,
    );
    await expect(run('voc07', { from: [at('none')] })).rejects.toThrow(
      /none is not there; name the folder/,
    );
    mkdirSync(at('empty'));
    await expect(run('voc07', { from: [at('empty')] })).rejects.toThrow(
      /empty holds nothing of the set/,
    );
    await expect(run('imagenet')).rejects.toThrow(/has neither train nor val/);
    await expect(run('imagenet_subset')).rejects.toThrow(/run `prepare imagenet` first/);
    await expect(run('places205')).rejects.toThrow(/has none of trainvalsplit_places205/);
  });
});
