import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { z } from 'zod';
import { decodeImage, useLibraryDecoder } from '../../harness/data/images/decode.ts';
import { openSource } from '../../harness/data/open_source.ts';
import { hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import {
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
} from '../../harness/weights/safetensors.ts';
import { root } from '../command/root.ts';
import { deepText, mutatedJson } from './json.ts';
import { pickle } from './pickles.ts';
import { gif, jpeg, png, webp } from './pictures.ts';
import { mutated, numberBytes, type PieceFormat, type Pieces } from './pieces.ts';
import type { Target } from './target.ts';

const TENSORS = new Map([
  ['conv.weight', hostArray('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
  ['bn.count', hostArray('int64', [], BigInt64Array.of(7n))],
  ['mask', hostArray('bool', [3], Uint8Array.of(0, 1, 1))],
  ['none', hostArray('float64', [0, 4], new Float64Array())],
]);

/** Length, header and data, of which the length is written anew. */
const SAFETENSORS: Pick<PieceFormat, 'join'> = {
  join: ([header = new Uint8Array(), ...data], honest) => {
    const length = honest ? header.length : header.length * 3;
    return Buffer.concat([numberBytes(length, 8, true), header, ...data]);
  },
};

export function safetensorsTarget(): Target {
  const metadata = [{}, { format: 'pt', 'a key': 'a value' }];
  const whole = metadata.map((one) =>
    Buffer.concat([...encodeSafetensors({ tensors: TENSORS, metadata: one })]),
  );
  const seeds = whole.map((file): Pieces => {
    const end = 8 + Number(file.readBigUInt64LE());
    return [file.subarray(8, end), file.subarray(end)];
  });
  const headers = seeds.map(([header]) => JSON.parse(Buffer.from(header ?? []).toString()));
  const withHeader = mutatedJson(headers).map((value) =>
    SAFETENSORS.join(
      [Buffer.from(JSON.stringify(value) ?? ''), seeds[0]?.[1] ?? new Uint8Array()],
      true,
    ),
  );
  const deep = SAFETENSORS.join([Buffer.from(deepText(5000))], true);
  return {
    files: fc.oneof(withHeader, mutated({ seeds, ...SAFETENSORS })),
    fixed: [new Uint8Array(), new Uint8Array(8), Buffer.alloc(16, 0xff), deep, ...whole],
    place: (folder) => join(folder, 'weights.safetensors'),
    feed: (path) => {
      readSafetensorsHeader(path);
      return readSafetensors(path);
    },
  };
}

const hex = z.record(
  z.string(),
  z.string().transform((text) => Buffer.from(text, 'hex')),
);
const again = z.object({ batches: hex, names: hex });
const Again = z.object({ numpy1: again, numpy2: again });

/** Batches as numpy 1 and 2 wrote them, and as the official files are. */
export function cifarTarget(): Target {
  const folder = join(root, 'golden/data/cifar');
  const packed = readFileSync(join(folder, 'again.json.br'));
  const { numpy1, numpy2 } = Again.parse(JSON.parse(brotliDecompressSync(packed).toString()));
  const official = readdirSync(folder)
    .filter((name) => /^cifar10_|^evil$|^meta$/.test(name))
    .map((name) => readFileSync(join(folder, name)));
  const files = [numpy1, numpy2].flatMap((one) => Object.values(one.batches));
  return {
    files: mutated({ ...pickle, seeds: [...official, ...files].map(pickle.split) }),
    fixed: [new Uint8Array(), Buffer.from('.'), Buffer.from('(((((((('), Buffer.alloc(5000, '(')],
    place: (data) => {
      mkdirSync(join(data, 'cifar-10-batches-py'));
      return join(data, 'cifar-10-batches-py/test_batch');
    },
    feed: async (path) => {
      const spec = { kind: 'cifar10', root: '.', split: 'test' } as const;
      const source = await openSource(spec, { data: dirname(dirname(path)) });
      for (let i = 0; i < Math.min(source.count, 3); i++) await source.read(i);
    },
  };
}

const OPTIONS = {
  jpeg: {
    format: jpeg,
    by: [
      (input: Sharp) => input.jpeg(),
      (input: Sharp) => input.jpeg({ progressive: true }),
      (input: Sharp) => input.jpeg({ chromaSubsampling: '4:4:4' }),
      (input: Sharp) => input.jpeg({ mozjpeg: true, quality: 40 }),
    ],
  },
  png: {
    format: png,
    by: [
      (input: Sharp) => input.png(),
      (input: Sharp) => input.png({ progressive: true }),
      (input: Sharp) => input.png({ palette: true, colours: 16 }),
    ],
  },
  webp: {
    format: webp,
    by: [
      (input: Sharp) => input.webp(),
      (input: Sharp) => input.webp({ lossless: true }),
      (input: Sharp) => input.webp({ nearLossless: true }),
    ],
  },
  gif: {
    format: gif,
    by: [
      (input: Sharp) => input.gif(),
      (input: Sharp) => input.gif({ colours: 4 }),
      (input: Sharp) => input.gif({ progressive: true }),
    ],
  },
} as const;

/** Pictures by sharp and Pillow, decoded as the loader does. */
export async function pictureTarget(kind: keyof typeof OPTIONS): Promise<Target> {
  useLibraryDecoder((await startEngine()).library.cc);
  const { format, by } = OPTIONS[kind];
  const folder = join(root, 'golden/data/images');
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(kind) && !name.includes('.'))
    .map((name) => readFileSync(join(folder, name)));
  for (const channels of [1, 3, 4] as const)
    for (const encoded of by) files.push(await encoded(noise(channels)).toBuffer());
  return {
    files: mutated({ ...format, seeds: files.map(format.split) }),
    fixed: files,
    place: (data) => join(data, `picture.${kind}`),
    feed: (path) => decodeImage(readFileSync(path), path),
  };
}

function noise(channels: 1 | 3 | 4) {
  const [width, height] = [37, 29];
  const values = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => ((i * i) >> 5) ^ (i >> 3),
  );
  return sharp(values, { raw: { width, height, channels } }).withExif({ IFD0: { Copyright: 'x' } });
}
