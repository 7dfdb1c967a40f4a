import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { readLabels } from '../../benchmarks/lowshot_labels.ts';
import { openSource } from '../../harness/data/open_source.ts';
import type { SourceSpec } from '../../harness/data/spec.ts';
import { unpack } from '../prepare/unpack.ts';
import { mutatedJson } from './json.ts';
import { mutated, type PieceFormat, type Pieces } from './pieces.ts';
import type { Target } from './target.ts';

const text = (value: string) => new Uint8Array(Buffer.from(value));
const LINES: Pick<PieceFormat, 'join'> = { join: (pieces) => Buffer.concat(pieces) };
const linesOf = (value: string) => value.split(/(?<=\n)/).map(text);

const IDS = ['000005', '000007', '000012', '2007_000027'];
const MAIN = 'VOCdevkit/VOC2007/ImageSets/Main';
const ODD = ['', '\n', '\0', '000005 1 1\n', '../000005 1\n', '000005 9\n'].map(text);

/** Pictures of a pixel under some names, so old that their hashes may be remembered. */
async function place(folder: string, names: readonly string[]): Promise<void> {
  const pixel = await sharp(Buffer.of(1, 2, 3), { raw: { width: 1, height: 1, channels: 3 } })
    .jpeg()
    .toBuffer();
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  for (const name of names) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), pixel);
    utimesSync(join(folder, name), 1, 1);
  }
}

/** A file of VOC's, of a class or of all ids of a split. */
export function vocTarget(): Target {
  const marks = ['  1', ' -1', '  0', ' -1'];
  const lists = [
    IDS.map((id, i) => `${id}${marks[i]}\n`).join(''),
    IDS.map((id) => `${id}  1\r\n`).join(''),
    `${IDS[2]} -1\n${IDS[0]} 1`,
  ];
  let ready: Promise<void> | undefined;
  return {
    files: mutated({ seeds: lists.map(linesOf), ...LINES }),
    fixed: [...ODD, ...lists.map(text), text(IDS.join('\n'))],
    place: (folder) => {
      const names = IDS.map((id) => `VOCdevkit/VOC2007/JPEGImages/${id}.jpg`);
      ready = place(folder, names);
      mkdirSync(join(folder, MAIN), { recursive: true });
      writeFileSync(join(folder, MAIN, 'cat_test.txt'), `${IDS[0]} 1\n${IDS[1]} -1\n`);
      return join(folder, MAIN, 'dog_test.txt');
    },
    feed: async (path, serial) => {
      await ready;
      const list = join(dirname(path), 'test.txt');
      if (serial % 2 === 0) writeFileSync(list, IDS.join('\n'));
      else rmSync(list, { force: true });
      const spec: SourceSpec = { kind: 'voc', root: 'VOCdevkit', year: 2007, split: 'test' };
      return openSource(spec, { data: join(dirname(path), '../../../..') });
    },
    names: /\/fuzz-\w+\//, // also an image of the list
  };
}

const NAMES = ['n1/n1_1.JPEG', 'n1/n1_2.JPEG', 'n2/n2_1.JPEG', 'n2/ä b.JPEG'];

/** A list of a subset, as SimCLR's or converted. */
export function subsetTarget(): Target {
  const lists = [
    'n2_1.JPEG\nn1_2.JPEG\nä b.JPEG\n',
    'n2/n2_1.JPEG 1\r\nn1/n1_2.JPEG 0\r\n',
    './n1/n1_1.JPEG\nn2/ä b.JPEG 1',
  ];
  let ready: Promise<void> | undefined;
  return {
    files: mutated({ seeds: lists.map(linesOf), ...LINES }),
    fixed: [...ODD, ...lists.map(text), text(`${'a/'.repeat(3000)}b.JPEG\n`)],
    place: (folder) => {
      ready = place(
        folder,
        NAMES.map((name) => `train/${name}`),
      );
      return join(folder, '1percent.txt');
    },
    feed: async (path) => {
      await ready;
      const source: SourceSpec = { kind: 'folder', root: 'train' };
      const spec: SourceSpec = { kind: 'subset', source, file: '1percent.txt', seed: 0 };
      return openSource(spec, { data: dirname(path) });
    },
  };
}

/** Low-shot labels of a user's own, by id and class. */
export function targetsTarget(): Target {
  const row = (mark: number) => ({ cat: mark, dog: 0, 'potted plant': -1 });
  const whole = Object.fromEntries(IDS.map((id, i) => [id, row((i % 3) - 1)]));
  const json = (value: unknown) => text(JSON.stringify(value) ?? 'null');
  const seeds = [whole, Object.fromEntries(Object.entries(whole).reverse())];
  const asText = mutated({
    seeds: seeds.map((seed) => linesOf(JSON.stringify(seed, null, 1))),
    ...LINES,
  });
  const marks = Int8Array.from({ length: 3 * IDS.length }, (_, at) =>
    at % 3 === 0 ? ((at / 3) % 3) - 1 : at % 3 === 1 ? 0 : -1,
  );
  const images = {
    count: IDS.length,
    labels: undefined,
    marks: undefined,
    describe: (index: number) => `/images/${IDS[index]}.jpg`,
    classes: ['cat', 'dog', 'potted plant'],
  };
  return {
    files: fc.oneof(mutatedJson(seeds).map(json), asText),
    fixed: [...seeds.map(json), ...ODD, ...['[]', 'null', '{"__proto__": 1}'].map(text)],
    place: (folder) => join(folder, 'targets.json'),
    feed: (path, serial) =>
      readLabels(dirname(path), 'targets', serial % 2 === 0 ? images : { ...images, marks }),
    names: /\/fuzz-\w+\/targets/, // of both forms of such a file
  };
}

/** Archives of a few files, links and a folder, as the blocks of 512 bytes that they are. */
export async function tarTarget(): Promise<Target> {
  const whole = await Promise.all([tarOf(false), tarOf(true)]);
  const blocks = (file: Buffer): Pieces =>
    Array.from({ length: file.length / 512 }, (_, i) => file.subarray(512 * i, 512 * (i + 1)));
  // Sums of headers are made to fit again, so that what lies behind them is reached.
  const join512 = (pieces: Pieces, honest: boolean) =>
    Buffer.concat(pieces.map((piece) => (honest ? summed(piece) : piece)));
  return {
    files: mutated({ seeds: whole.map(blocks), join: join512 }),
    fixed: [new Uint8Array(), new Uint8Array(1024), ...whole],
    place: (folder) => join(folder, 'a.tar'),
    feed: async (path) => {
      const out = join(dirname(path), 'out');
      rmSync(out, { recursive: true, force: true });
      return unpack(path, out);
    },
    names: /\/fuzz-\w+\//, // also a file that cannot be written
  };
}

async function tarOf(long: boolean): Promise<Buffer> {
  const made = pack();
  const name = long ? `${'ä'.repeat(70)}.jpg` : '1.jpg';
  made.entry({ name: `a/${name}` }, 'x'.repeat(700));
  made.entry({ name: 'a', type: 'directory' });
  made.entry({ name: 'b', type: 'symlink', linkname: 'a' });
  made.entry({ name: '2.jpg' }, 'y');
  made.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of made) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

const [SUM, SUM_END] = [148, 156];

function summed(piece: Uint8Array): Uint8Array {
  if (piece.length !== 512 || Buffer.from(piece.subarray(257, 262)).toString() !== 'ustar')
    return piece;
  const block = Buffer.from(piece);
  block.fill(' ', SUM, SUM_END);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, SUM, 'latin1');
  return block;
}
