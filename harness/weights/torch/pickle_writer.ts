/** A pickled value: its instructions, in pieces so that large memory is not copied. */
export type Pickled = readonly Uint8Array[];

const text = (letters: string) => Buffer.from(letters, 'latin1');

/** A whole pickle; `bytes` needs protocol 3, which every Python 3 reads. */
export function pickle(value: Pickled, protocol: 2 | 3): Pickled {
  return [Uint8Array.of(0x80, protocol), ...value, text('.')];
}

export const none: Pickled = [text('N')];

export function boolean(value: boolean): Pickled {
  return [Uint8Array.of(value ? 0x88 : 0x89)];
}

/** @param value from -2^47 to 2^47 - 1 */
export function integer(value: number): Pickled {
  const bytes = Buffer.alloc(8);
  bytes.writeIntLE(value, 2, 6);
  if (value >= 0 && value < 256) return [Uint8Array.of(0x4b, value)];
  bytes.set([0x8a, 6]);
  return [bytes];
}

/** Text, in UTF-8. */
export function string(value: string): Pickled {
  const letters = Buffer.from(value);
  return [withLength('X', letters.length), letters];
}

/** @throws RangeError from 4 GiB on */
export function bytes(value: Uint8Array): Pickled {
  return [withLength('B', value.length), value];
}

export function tuple(values: readonly Pickled[]): Pickled {
  return [text('('), ...values.flat(), text('t')];
}

export function table(entries: readonly (readonly [string, Pickled])[]): Pickled {
  return filled([text('}')], entries);
}

/** A table, or what behaves as one, with entries set. */
export function filled(object: Pickled, entries: readonly (readonly [string, Pickled])[]): Pickled {
  const pairs = entries.flatMap(([key, value]) => [...string(key), ...value]);
  return [...object, text('('), ...pairs, text('u')];
}

/** The Python object of that name. */
export function named(module: string, name: string): Pickled {
  return [text(`c${module}\n${name}\n`)];
}

/** What a call gives. */
export function called(callable: Pickled, ...values: Pickled[]): Pickled {
  return [...callable, ...tuple(values), text('R')];
}

/** An object that is then given a state. */
export function built(object: Pickled, state: Pickled): Pickled {
  return [...object, ...state, text('b')];
}

/** What the reader of the file knows under an id. */
export function persistent(id: Pickled): Pickled {
  return [...id, text('Q')];
}

function withLength(instruction: string, length: number): Uint8Array {
  const head = Buffer.alloc(5, instruction, 'latin1');
  head.writeUInt32LE(length, 1);
  return head;
}
