import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { numberBytes, type PieceFormat, type Pieces } from './pieces.ts';

type Format = Omit<PieceFormat, 'seeds'> & { split(file: Uint8Array): Pieces };

const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const IDAT = Buffer.from('IDAT');

/** Signature and chunks: type and content, all picture data as one and inflated. */
export const png: Format = {
  split(file) {
    const view = Buffer.from(file);
    const chunks: Buffer[] = [];
    for (let at = 8; at < view.length; ) {
      const length = view.readUInt32BE(at);
      chunks.push(view.subarray(at + 4, at + 8 + length));
      at += length + 12;
    }
    const isData = (chunk: Buffer) => latin(chunk.subarray(0, 4)) === 'IDAT';
    const packed = Buffer.concat(chunks.filter(isData).map((chunk) => chunk.subarray(4)));
    const data = Buffer.concat([IDAT, inflateSync(packed)]);
    const first = chunks.findIndex(isData);
    const rest = chunks.filter((chunk) => !isData(chunk));
    return [view.subarray(0, 8), ...rest.slice(0, first), data, ...rest.slice(first)];
  },
  join([signature = new Uint8Array(), ...chunks], honest) {
    const written = chunks.flatMap((chunk) => {
      const [type, content] = [chunk.subarray(0, 4), chunk.subarray(4)];
      const body = latin(type) === 'IDAT' ? deflateSync(content, { level: 1 }) : content;
      const sum = honest ? crc32(body, crc32(type)) : 0;
      return [numberBytes(body.length, 4, false), type, body, numberBytes(sum, 4, false)];
    });
    return Buffer.concat([signature, ...written]);
  },
};

const START = 0xd8;
const END = 0xd9;

/** Markers with what follows them; the data of a scan is a piece of its own. */
export const jpeg: Format = {
  split(file) {
    const view = Buffer.from(file);
    const pieces: Buffer[] = [view.subarray(0, 2)];
    for (let at = 2; at + 4 <= view.length; ) {
      const end = at + 2 + view.readUInt16BE(at + 2);
      pieces.push(Buffer.concat([view.subarray(at, at + 2), view.subarray(at + 4, end)]));
      at = end;
      while (at < view.length && !isMarker(view, at)) at++;
      if (at > end) pieces.push(view.subarray(end, at));
      if (view[at + 1] === END) pieces.push(view.subarray(at, at + 2));
      if (view[at + 1] === END) break;
    }
    return pieces;
  },
  join(pieces, honest) {
    const written = pieces.flatMap((piece) => {
      if (!isMarker(piece, 0) || piece[1] === START || piece[1] === END) return [piece];
      const length = honest ? piece.length : (piece[2] ?? 0) * 7;
      return [piece.subarray(0, 2), numberBytes(length, 2, false), piece.subarray(2)];
    });
    return Buffer.concat(written);
  },
};

/** Neither a byte of data (ff 00) nor a restart within it. */
function isMarker(bytes: Uint8Array, at: number): boolean {
  const marker = bytes[at + 1] ?? 0;
  return bytes[at] === 0xff && marker >= 0xc0 && marker !== 0xff && (marker & 0xf8) !== 0xd0;
}

/** Chunks of a RIFF file: type and content. */
export const webp: Format = {
  split(file) {
    const view = Buffer.from(file);
    const pieces: Buffer[] = [];
    for (let at = 12; at + 8 <= view.length; ) {
      const length = view.readUInt32LE(at + 4);
      pieces.push(
        Buffer.concat([view.subarray(at, at + 4), view.subarray(at + 8, at + 8 + length)]),
      );
      at += 8 + length + (length % 2);
    }
    return pieces;
  },
  join(pieces, honest) {
    const chunks = pieces.flatMap((piece) => {
      const content = piece.subarray(4);
      const length = honest ? content.length : content.length * 2 + 5;
      const pad = new Uint8Array(content.length % 2);
      return [piece.subarray(0, 4), numberBytes(length, 4, true), content, pad];
    });
    const body = Buffer.concat([Buffer.from('WEBP'), ...chunks]);
    return Buffer.concat([Buffer.from('RIFF'), numberBytes(body.length, 4, true), body]);
  },
};

/** Screen with palette, extensions, pictures' descriptors, and blocks of their data. */
export const gif: Format = {
  split(file) {
    const view = Buffer.from(file);
    const palette = (flags: number) => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
    let at = 13 + palette(view[10] ?? 0);
    const pieces: Buffer[] = [view.subarray(0, at)];
    const take = (length: number) => {
      pieces.push(view.subarray(at, at + length));
      at += length;
    };
    while (at < view.length) {
      if (view[at] === 0x2c) {
        take(10 + palette(view[at + 9] ?? 0));
        take(1); // bits of the smallest code
      } else take(view[at] === 0x21 ? 2 : 1);
      while (at < view.length && view[at] !== 0 && pieces.at(-1)?.[0] !== 0x3b)
        take(1 + (view[at] ?? 0));
      if (at < view.length) take(1);
    }
    return pieces;
  },
  join: (pieces) => Buffer.concat(pieces),
};
