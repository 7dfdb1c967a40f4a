import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { openNpy, readNpy } from '../../harness/features/npy.ts';
import { root } from '../command/root.ts';
import { mutated, numberBytes, type Pieces } from './pieces.ts';
import type { Target } from './target.ts';

const Fixture = z.object({ entries: z.record(z.string(), z.object({ file: z.string() })) });
const MOST = 1 << 16; // bytes of elements that are made to fit
const PREFIX = 8; // bytes of magic and version

/** Magic and version, the fields of the header each for itself, and the elements. */
function split(file: Buffer): Pieces {
  const from = file[6] === 1 ? PREFIX + 2 : PREFIX + 4;
  const to = from + (file[6] === 1 ? file.readUInt16LE(PREFIX) : file.readUInt32LE(PREFIX));
  const fields = file.toString('latin1', from, to).split(/(?<=[,:(])/);
  return [
    file.subarray(0, PREFIX),
    ...fields.map((field) => Buffer.from(field, 'latin1')),
    file.subarray(to),
  ];
}

function joined(pieces: Pieces, honest: boolean): Uint8Array {
  const [prefix = new Uint8Array(), ...rest] = pieces;
  const header = Buffer.concat(rest.slice(0, -1));
  const length = honest ? header.length : header.length * 3 + 1;
  const size = numberBytes(length, prefix[6] === 1 ? 2 : 4, true);
  const [data = new Uint8Array()] = rest.slice(-1);
  return Buffer.concat([prefix, size, header, honest ? fitted(data, header) : data]);
}

/** As many elements as a header announces, where they are few, so that what lies behind it is reached. */
function fitted(data: Uint8Array, header: Buffer): Uint8Array {
  const text = header.toString('latin1');
  const item = Number(/[biuf](\d)'/.exec(text)?.[1] ?? 0);
  const sides = /\(([\d, L]*)\)/.exec(text)?.[1]?.match(/\d+/g) ?? [];
  const bytes = sides.reduce((product, side) => product * Number(side), item);
  if (bytes > MOST) return data;
  const room = Buffer.alloc(bytes, 0x5a);
  room.set(data.subarray(0, bytes));
  return room;
}

/** Arrays as numpy writes them, read whole and by rows. */
export function npyTarget(): Target {
  const packed = readFileSync(join(root, 'golden/data/npy/files.json'), 'utf8');
  const { entries } = Fixture.parse(JSON.parse(packed));
  const files = Object.values(entries).map(({ file }) => Buffer.from(file, 'base64'));
  return {
    files: mutated({ seeds: files.map(split), join: joined }),
    fixed: [new Uint8Array(), Buffer.from('\x93NUMPY', 'latin1'), ...files],
    place: (folder) => join(folder, 'array.npy'),
    feed: (path) => {
      const { count, rows } = openNpy(path);
      const some = Math.min(count, 3);
      rows(0, some);
      rows(count - some, some);
      return readNpy(path);
    },
  };
}
