import { describe, expect, test } from 'vitest';
import { byteSource } from './byte_source.ts';
import { readPickle } from './plain.ts';
import { MOST_INSTRUCTIONS, plainText, unpickle } from './unpickle.ts';

const bytes = (...parts: (string | readonly number[])[]) =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part),
    ),
  );
const value = (...parts: (string | readonly number[])[]) => readPickle(bytes(...parts)).value;

// The values are those of Python's pickle.loads.
describe('values', () => {
  test.each<[string, unknown, (string | readonly number[])[]]>([
    [
      'whole numbers of any sign',
      [0, -1, 255, -(2 ** 31), 2 ** 40],
      [
        '(K\0J',
        [255, 255, 255, 255],
        'K',
        [255],
        'J',
        [0, 0, 0, 128],
        [0x8a, 6, 0, 0, 0, 0, 0, 1],
        't.',
      ],
    ],
    ['a number of LONG4', [-2], ['(', [0x8b, 1, 0, 0, 0, 254], 'l.']],
    ['truth values of protocol 0', [false, true, 2], ['(I00\nI01\nI2\nl.']],
    ['floats', [1.5, -0.25], ['(F1.5\nG', [0xbf, 0xd0, 0, 0, 0, 0, 0, 0], 't.']],
    [
      'texts and their escapes',
      ["a'\n\x01", 'é', 'ü'],
      ["(S'a\\'\\n\\x01'\nV\\u00e9\nX", [2, 0, 0, 0, 0xc3, 0xbc], 't.'],
    ],
    ['bytes', Buffer.from('ab'), ['C', [2], 'ab.']],
    [
      'a table',
      new Map<unknown, unknown>([
        ['a', 1],
        [2, null],
      ]),
      ['}(U', [1], 'aK', [1], 'K', [2], 'Nu.'],
    ],
    ['a table of protocol 0 with entries', new Map([[1, 2]]), ['(I1\nI2\nd.']],
    [
      'tuples',
      [[], [1], [1, 2], [1, 2, 3]],
      ['](', ')', 'K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87e.'],
    ],
    ['memos', [[1], [1]], ['(', ']q\0K\x01a', 'h\0', 't.']],
    ['a memoized value of protocol 4', ['x', 'x'], ['\x80\x04(\x8c\x01x\x94h\0t.']],
  ])('%s', (_, expected, parts) => {
    const found = value(...parts);
    expect(found instanceof Uint8Array ? Buffer.from(found) : found).toEqual(expected);
  });
});

describe('what nothing sound has written is an error that says so', () => {
  test.each<[string, string, (string | readonly number[])[]]>([
    ['too few values', 'takes a value where none is left', ['K\x01\x86.']],
    ['a mark that is not there', 'mark that it has not set', ['t.']],
    ['a memo that is not there', 'nothing under the number 7', ['h\x07.']],
    ['items of no list', 'what is no list', ['}K\x01a.']],
    ['entries of no table', 'what is no table', [']K\x01K\x02s.']],
    ['a key alone', 'a key without a value', ['}(K\x01u.']],
    [
      'fields of a list',
      'sets fields of a value that has none',
      [']}(X\x06\0\0\0lengthJ\xff\xff\xff\x7fub.'],
    ],
    ['fields of a maker', 'sets fields of a value', ['cbuiltins\nlist\n}b.']],
    ['a call of a list', 'calls what is no name', [')', ')', 'R.']],
    ['a name that is a list', 'a name that is no text', [']', ']', '\x93.']],
    ['a protocol of the future', 'unknown protocol 9', ['\x80\x09.']],
    ['no end', 'unexpected end of file', ['K\x01']],
    ['a line that does not end', 'a line without end', ['I12']],
    ['a string without quotes', 'a string without quotes', ['Sabc\n.']],
    ['a length below 0', 'something of -10 bytes', ['B\xf6\xff\xff\xff.']],
    ['a length beyond all bounds', 'announces', ['\x8e\xff\xff\xff\xff\xff\xff\xff\xff.']],
  ])('%s', (_, message, parts) => {
    expect(() => value(...parts)).toThrow(message);
  });
});

test('only what is allowed is named or called, and ids only where they are', () => {
  const asked: string[] = [];
  const name = (module: string, one: string) => {
    asked.push(`${module}.${one}`);
    return (...args: unknown[]) => args.length;
  };
  const made = (text: string) => unpickle(byteSource(bytes(text)), { name }).value;
  expect(made('ca\nb\n(K\x01K\x02tR.')).toBe(2);
  expect(made('(K\x01ic\nd\n.')).toBe(1);
  expect(asked).toEqual(['a.b', 'c.d']);
  expect(() => made('Pid\n.')).toThrow('a persistent id');
});

test('a list that holds itself has no text, nor has one that doubles forty times', () => {
  const self: unknown[] = [];
  self.push(self);
  let doubled: unknown[] = ['x'];
  for (let i = 0; i < 40; i++) doubled = [doubled, doubled];
  expect([self, doubled, {}, () => {}].map(plainText)).toEqual(Array(4).fill('(no text)'));
  expect([1, 'a', null, true].map(plainText)).toEqual(['1', 'a', '(no text)', 'true']);
});

test('four million empty tables end in an error, within a GiB', () => {
  const before = process.memoryUsage().rss;
  expect(() => readPickle(Buffer.alloc(2 * MOST_INSTRUCTIONS, '}'))).toThrow(
    `more than ${MOST_INSTRUCTIONS} instructions`,
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
});
