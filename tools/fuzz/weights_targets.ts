import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { unzipSync } from 'fflate';
import { hostArray } from '../../harness/engine/array.ts';
import { type WrittenEntry, zipBytes, zipParts } from '../../harness/testing/zips.ts';
import { encodeDetectron, readDetectron } from '../../harness/weights/detectron.ts';
import { recogniseBackbone } from '../../harness/weights/recognise.ts';
import { readTorchFile } from '../../harness/weights/torch/torch_file.ts';
import { root } from '../command/root.ts';
import { pickle } from './pickles.ts';
import { mutated, type Pieces } from './pieces.ts';
import type { Target } from './target.ts';
import { zipEntries } from './zips.ts';

const NAMES = ['checkpoint', 'strided', 'types'];
const LAYOUTS = ['torchvision', 'moco_v2_released']; // a zip archive, and one of before 1.6
const LEGACY_PICKLES = 5;

function fixture(name: string): Buffer {
  return readFileSync(join(root, 'golden/data/torch', `${name}.pth`));
}

/** Entries of an archive, by name. */
export function entriesOf(file: Uint8Array): WrittenEntry[] {
  const named = Object.entries(unzipSync(file));
  return named.map(([name, content]) => ({ name, content }));
}

const hostile = ['code', 'getattr', 'namespace', 'model', 'torchscript', 'complex', 'plain_pickle'];

async function feedTorch(path: string, serial: number): Promise<unknown> {
  return serial % 4 === 0 ? recogniseBackbone(path) : readTorchFile(path);
}

/** Pickles of PyTorch's files with changed instructions, in sound archives and in files of before 1.6. */
export function unpicklerTarget(): Target {
  const zips = NAMES.map((name) => entriesOf(fixture(`${name}_zip`)));
  const archives = zips.map((entries) => {
    const isMain = ({ name }: WrittenEntry) => name.endsWith('/data.pkl');
    const main = entries.find(isMain)?.content ?? new Uint8Array();
    const rest = entries.filter((entry) => !isMain(entry));
    const name = entries.find(isMain)?.name ?? '';
    const files = mutated({ ...pickle, seeds: [pickle.split(main)] });
    return files.map((content) => zipBytes([{ name, content }, ...rest]));
  });
  const legacy = NAMES.map((name) => legacyPieces(fixture(`${name}_legacy`)));
  const older = mutated({ seeds: legacy, join: joinLegacy });
  return {
    files: fc.oneof(...archives, older),
    fixed: [
      ...NAMES.flatMap((name) => [fixture(`${name}_zip`), fixture(`${name}_legacy`)]),
      ...hostile.map((name) => fixture(`refused_${name}`)),
      ...[
        '.',
        ']]]].',
        '}'.repeat(5000),
        '('.repeat(5000),
        `${']('.repeat(3000)}${'e'.repeat(3000)}.`,
      ].map((text) => zipBytes([{ name: 'a/data.pkl', content: Buffer.from(text, 'latin1') }])),
    ],
    place: (folder) => join(folder, 'weights.pth'),
    feed: feedTorch,
  };
}

/** Instructions of the five pickles, and the raw memory as a last piece, which begins with a 0. */
export function legacyPieces(file: Buffer): Pieces {
  let end = 0;
  const pieces: Uint8Array[] = [];
  for (let i = 0; i < LEGACY_PICKLES; i++) {
    const one = pickle.split(file.subarray(end));
    pieces.push(...one);
    end += pickle.join(one, true).length;
  }
  return [...pieces, Buffer.concat([Uint8Array.of(0), file.subarray(end)])];
}

/** Puts the pieces of `legacyPieces` together. */
export function joinLegacy(pieces: Pieces, honest: boolean): Uint8Array {
  return Buffer.concat(
    pieces.map((piece) => (piece[0] === 0 ? piece.subarray(1) : pickle.join([piece], honest))),
  );
}

/** Archives with changed entries, and with changed headers. */
export function zipTarget(): Target {
  const small = NAMES.map((name) => entriesOf(fixture(`${name}_zip`)));
  const deflated = small.map((entries) => entries.map((one) => ({ ...one, deflated: true })));
  const bytes = [...small, ...deflated].flatMap((entries) =>
    [false, true].map((zip64) => zipParts(entries, { zip64, comment: zip64 ? 'a comment' : '' })),
  );
  const resnets = LAYOUTS.map((name) =>
    gunzipSync(readFileSync(join(root, 'golden/weights', `${name}.pth.gz`))),
  );
  return {
    files: fc.oneof(
      mutated({ ...zipEntries, seeds: [...small, ...deflated].map(zipEntries.split) }),
      mutated({ seeds: bytes, join: (pieces) => Buffer.concat([...pieces]) }),
    ),
    fixed: [
      ...[...small, ...deflated].map((entries) => zipBytes(entries)),
      ...[...small, ...deflated].map((entries) => zipBytes(entries, { zip64: true })),
      ...resnets,
      ...[new Uint8Array(), Buffer.from('PK\x03\x04'), Buffer.from('PK\x05\x06')],
    ],
    place: (folder) => join(folder, 'weights.pth'),
    feed: feedTorch,
  };
}

/** Pickles for detectron2. */
export function detectronTarget(): Target {
  const tensors = new Map([
    ['conv1.weight', hostArray('float32', [2, 1, 1, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
    ['bn1.bias', hostArray('float64', [2], Float64Array.of(1, 2))],
    ['bn1.num_batches_tracked', hostArray('int64', [], BigInt64Array.of(7n))],
  ]);
  const whole = Buffer.concat([...encodeDetectron(tensors)]);
  return {
    files: mutated({ ...pickle, seeds: [pickle.split(whole)] }),
    fixed: [whole, Buffer.from('\x80\x03}.', 'latin1'), Buffer.from('\x80\x03N.', 'latin1')],
    place: (folder) => join(folder, 'weights.pkl'),
    feed: (path) => readDetectron(path),
  };
}
