/** A `.npy` file of a type and shape, as `numpy.save` writes it. */
function npyFile(type: string, shape: readonly number[], data: Uint8Array): Buffer {
  const sides = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sides}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10; // elements begin at a multiple of 64
  const header = Buffer.alloc(10 + length, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(length, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', header.length - 1);
  return Buffer.concat([header, data]);
}

/** Whole numbers, int32 [rows, columns]. */
export function npyNumbers(values: ArrayLike<number>, columns: number): Buffer {
  const numbers = Int32Array.from(values);
  return npyFile('<i4', [numbers.length / columns, columns], new Uint8Array(numbers.buffer));
}

/** Texts, UTF-32 as NumPy has them, [count]. */
export function npyTexts(texts: readonly string[]): Buffer {
  const letters = texts.map((text) => Array.from(text, (letter) => letter.codePointAt(0) ?? 0));
  const longest = letters.reduce((most, { length }) => Math.max(most, length), 1);
  const data = new Uint32Array(texts.length * longest);
  for (const [row, codes] of letters.entries()) data.set(codes, row * longest);
  return npyFile(`<U${longest}`, [texts.length], new Uint8Array(data.buffer));
}
