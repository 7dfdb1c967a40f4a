import { type WrittenEntry, type WrittenField, zipBytes } from '../../harness/testing/zips.ts';
import type { PieceFormat, Pieces } from './pieces.ts';

/**
 * Entries of an archive as pieces: a letter's count, the name, whether deflated, the content. Where not honest, every
 * third entry has a number that is wrong.
 */
export const zipEntries: Omit<PieceFormat, 'seeds'> & {
  split(entries: readonly WrittenEntry[]): Pieces;
} = {
  split: (entries) =>
    entries.map(({ name, content, deflated = false }) =>
      Buffer.concat([Uint8Array.of(name.length, deflated ? 1 : 0), Buffer.from(name), content]),
    ),
  join: (pieces, honest) => {
    const entries = pieces.map((piece, i): WrittenEntry => {
      const [length = 0, deflated = 0] = piece;
      const name = Buffer.from(piece.subarray(2, 2 + length)).toString('latin1');
      const content = piece.subarray(2 + length);
      const entry = { name, content, deflated: deflated % 2 === 1 };
      return honest || i % 3 > 0
        ? entry
        : { ...entry, wrong: WRONG[content.length % WRONG.length] ?? {} };
    });
    return zipBytes(entries, { zip64: pieces.length % 2 === 1 });
  },
};

const WRONG: readonly Partial<Record<WrittenField, number>>[] = [
  ...[
    { checksum: 1 },
    { size: 0 },
    { size: 2 ** 31 },
    { packed: 2 ** 40 },
    { at: 0 },
    { at: 2 ** 33 },
  ],
  ...[{ method: 8 }, { method: 14 }, { flags: 1 }, { flags: 8 }, { packed: 0 }, { at: 30 }],
];
