import { numberBytes, type PieceFormat, type Pieces } from './pieces.ts';

type Format = Omit<PieceFormat, 'seeds'> & { split(file: Uint8Array): Pieces };

/** Bytes of the count that an opcode's content begins with. */
const COUNTED: Readonly<Record<string, number>> = {
  ...{ U: 1, C: 1, '\x8a': 1, '\x8c': 1 },
  ...{ T: 4, X: 4, B: 4, '\x8b': 4 },
  ...{ '\x8d': 8, '\x8e': 8, '\x96': 8 },
};

/** Bytes of an opcode's argument. */
const FIXED: Readonly<Record<string, number>> = {
  ...{ K: 1, h: 1, q: 1, '\x80': 1, '\x82': 1, M: 2, '\x83': 2 },
  ...{ J: 4, j: 4, r: 4, '\x84': 4, G: 8, '\x95': 8 },
};

/** Lines of an opcode's argument. */
const LINES: Readonly<Record<string, number>> = {
  c: 2,
  i: 2,
  I: 1,
  F: 1,
  L: 1,
  S: 1,
  V: 1,
  g: 1,
  p: 1,
  P: 1,
};

/** Opcodes of a pickle up to its end, each with its argument but for the count of its bytes. */
export const pickle: Format = {
  split(file) {
    const view = Buffer.from(file);
    const pieces: Buffer[] = [];
    for (let at = 0; at < view.length; ) {
      const opcode = view.toString('latin1', at, at + 1);
      const count = COUNTED[opcode];
      if (count !== undefined) {
        const start = at + 1 + count;
        const end = start + view.readUIntLE(at + 1, Math.min(count, 6));
        pieces.push(Buffer.concat([view.subarray(at, at + 1), view.subarray(start, end)]));
        at = end;
        continue;
      }
      let end = at + 1 + (FIXED[opcode] ?? 0);
      for (let line = LINES[opcode] ?? 0; line > 0; line--) end = view.indexOf('\n', end) + 1;
      pieces.push(view.subarray(at, end));
      if (opcode === '.') break; // what follows is no part of this pickle
      at = end;
    }
    return pieces;
  },
  join(pieces, honest) {
    const written = pieces.flatMap((piece, i) => {
      const count = COUNTED[Buffer.from(piece.subarray(0, 1)).toString('latin1')];
      if (count === undefined) return [piece];
      const content = piece.subarray(1);
      const length = honest || i % 4 > 0 ? content.length : content.length * 1000 + i;
      return [piece.subarray(0, 1), numberBytes(length, count, true), content];
    });
    return Buffer.concat(written);
  },
};
