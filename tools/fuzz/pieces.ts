import fc from 'fast-check';

/** A file in the pieces that its format puts one behind the other: chunks, segments, opcodes, lines. */
export type Pieces = readonly Uint8Array[];

/** What a mutation of a file's pieces needs to know. */
export interface PieceFormat {
  /** Whole files, taken apart. */
  readonly seeds: readonly Pieces[];
  /** Puts pieces together: with lengths and checksums that fit where `honest`, else as they come. */
  join(pieces: Pieces, honest: boolean): Uint8Array;
}

interface Edit {
  readonly kind: (typeof KINDS)[number];
  readonly piece: number;
  readonly at: number;
  readonly length: number;
  readonly value: number;
  readonly other: number;
}

const OF_BYTES = ['flip', 'set', 'set16', 'set32', 'set64', 'insert', 'remove', 'repeat'] as const;
const OF_PIECES = ['drop', 'double', 'swap', 'splice', 'empty', 'lend'] as const;
const KINDS = [...OF_BYTES, ...OF_PIECES] as const;
const NUMBERS = [0, 1, 2, 4, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 2 ** 31 - 1];
const LARGE = [2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 52, 2 ** 53 - 1];
const LONGEST = 1 << 20; // bytes of a mutated file

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom(...KINDS),
  piece: fc.nat(),
  at: fc.nat({ max: 1 << 16 }),
  length: fc.integer({ min: 1, max: 40 }),
  value: fc.oneof(fc.constantFrom(...NUMBERS, ...LARGE), fc.nat()),
  other: fc.nat(),
});

/** Files of a format, each changed at up to three places; one in five with lengths left as they were. */
export function mutated({ seeds, join }: PieceFormat): fc.Arbitrary<Uint8Array> {
  const plan = fc.record({
    seed: fc.nat(),
    edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
    honest: fc.nat({ max: 4 }),
    keep: fc.oneof(
      { weight: 7, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    ),
  });
  return plan.map(({ seed, edits, honest, keep }) => {
    const pieces = edits.reduce<Pieces>((now, one) => edited(now, one, seeds), pick(seeds, seed));
    const whole = join(pieces, honest > 0).subarray(0, LONGEST);
    return whole.subarray(0, Math.round(keep * whole.length));
  });
}

/** The item that a number falls on; every number falls on one. */
export function pick<T>(items: readonly T[], number: number): T {
  const item = items[number % items.length];
  if (item === undefined) throw new Error('fuzz: nothing to pick from');
  return item;
}

function edited(pieces: Pieces, one: Edit, seeds: readonly Pieces[]): Pieces {
  const { kind } = one;
  if (pieces.length === 0) return pick(seeds, one.other);
  const index = one.piece % pieces.length;
  const piece = pick(pieces, index);
  const put = (...now: Uint8Array[]) => [
    ...pieces.slice(0, index),
    ...now,
    ...pieces.slice(index + 1),
  ];
  const foreign = () => pick(pick(seeds, one.other), one.at);
  switch (kind) {
    case 'drop':
      return put();
    case 'double':
      return put(...Array.from({ length: 1 + (one.length % 9) }, () => piece));
    case 'swap': {
      const to = one.other % pieces.length;
      return pieces.map((own, i) => (i === index ? pick(pieces, to) : i === to ? piece : own));
    }
    case 'splice':
      return put(piece, foreign());
    case 'lend':
      return put(foreign());
    case 'empty':
      return put(new Uint8Array());
    default:
      return put(bytesEdited(piece, kind, one));
  }
}

function bytesEdited(piece: Uint8Array, kind: (typeof OF_BYTES)[number], one: Edit): Uint8Array {
  const at = piece.length === 0 ? 0 : one.at % piece.length;
  const [head, tail] = [piece.subarray(0, at), piece.subarray(at)];
  const rest = tail.subarray(one.length);
  const cut = tail.subarray(0, one.length);
  switch (kind) {
    case 'insert':
      return Buffer.concat([head, new Uint8Array(one.length).fill(one.value), tail]);
    case 'remove':
      return Buffer.concat([head, rest]);
    case 'repeat':
      return Buffer.concat([
        head,
        ...Array.from({ length: 1 + (one.other % 50) }, () => cut),
        rest,
      ]);
    case 'flip':
      return Buffer.concat([
        head,
        cut.subarray(0, 1).map((b) => b ^ (1 << (one.value % 8))),
        cut.subarray(1),
        rest,
      ]);
    default: {
      const width = { set: 1, set16: 2, set32: 4, set64: 8 }[kind];
      return Buffer.concat([
        head,
        numberBytes(one.value, width, one.other % 2 === 0),
        tail.subarray(width),
      ]);
    }
  }
}

/** The lowest bytes of a number, lowest or highest first. */
export function numberBytes(value: number, width: number, lowestFirst: boolean): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.floor(value)), true);
  const low = bytes.slice(0, width);
  return lowestFirst ? low : low.reverse();
}
