import { latin1 } from './byte_source.ts';
import { signed, stringText, unicodeText } from './literals.ts';
import type { Machine, Stateful } from './machine.ts';

type Instruction = (machine: Machine) => void;

const LONGEST = 255; // bytes of a whole number; turning one into digits takes longer than its length
const PROTOCOLS = 5;

/** Instructions by the letter that Python's `pickletools` gives them. */
type Table = Readonly<Record<string, Instruction>>;

const put = (index: (m: Machine) => number): Instruction => {
  return (m) => void m.memo.set(index(m), top(m));
};

const get = (index: (m: Machine) => number): Instruction => {
  return (m) => {
    const key = index(m);
    if (!m.memo.has(key)) throw new Error(`it has nothing under the number ${key}`);
    m.stack.push(m.memo.get(key));
  };
};

/** A whole number of so many bytes. */
const counted =
  (bytes: number) =>
  ({ source }: Machine) =>
    source.uint(bytes);

const STACK: Table = {
  '(': (m) => {
    m.below.push(m.stack);
    m.stack = [];
  },
  '1': (m) => void sinceMark(m),
  '0': (m) => void pop(m),
  '2': (m) => void m.stack.push(top(m)),
  p: put(lineNumber),
  q: put(counted(1)),
  r: put(counted(4)),
  '\x94': put(({ memo }) => memo.size),
  g: get(lineNumber),
  h: get(counted(1)),
  j: get(counted(4)),
};

const pushed = (value: (m: Machine) => unknown): Instruction => {
  return (m) => void m.stack.push(value(m));
};

const long = (lengthBytes: number) =>
  pushed(({ source }) => {
    const length = source.uint(lengthBytes);
    if (length > LONGEST) throw new Error(`it has a number of ${length} bytes`);
    return Number(signed(source.take(length)));
  });

const NUMBERS: Table = {
  N: pushed(() => null),
  '\x88': pushed(() => true),
  '\x89': pushed(() => false),
  K: pushed(counted(1)),
  M: pushed(counted(2)),
  J: pushed(({ source }) => source.int32()),
  '\x8a': long(1),
  '\x8b': long(4),
  G: pushed(({ source }) => source.float64()),
  I: pushed(({ source }) => {
    const line = source.line();
    return line === '00' ? false : line === '01' ? true : Number.parseInt(line, 10);
  }),
  L: pushed(lineNumber),
  F: pushed(({ source }) => Number.parseFloat(source.line())),
};

const plain = (raw: Uint8Array) => raw;
const int32 = ({ source }: Machine) => source.int32();

const bytes = (length: (m: Machine) => number, kept: (raw: Uint8Array) => unknown): Instruction => {
  return (m) => {
    const size = length(m);
    const offset = m.source.position();
    const raw = m.source.take(size);
    if (size > (m.longest?.length ?? 0)) m.longest = { offset, length: size };
    m.stack.push(kept(raw));
  };
};

const unicode = (lengthBytes: number) =>
  pushed(({ source }) => Buffer.from(source.take(source.uint(lengthBytes))).toString('utf8'));

const TEXTS: Table = {
  S: pushed(({ source }) => {
    const [, quote, text] = /^(['"])(.*)\1$/s.exec(source.line().trimEnd()) ?? [];
    if (quote === undefined || text === undefined)
      throw new Error('it has a string without quotes');
    return stringText(text);
  }),
  V: pushed(({ source }) => unicodeText(source.line())),
  T: bytes(int32, latin1),
  U: bytes(counted(1), latin1),
  B: bytes(int32, plain),
  C: bytes(counted(1), plain),
  '\x8e': bytes(counted(8), plain),
  '\x96': bytes(counted(8), plain),
  X: unicode(4),
  '\x8c': unicode(1),
  '\x8d': unicode(8),
  '\x97': () => {
    throw new Error(
      'the bytes of its arrays are out-of-band, in other files; save it again without buffer_callback',
    );
  },
  '\x98': () => {}, // a buffer that is only read
};

const tuple = (size: number): Instruction => {
  return (m) => {
    const items = Array.from({ length: size }, () => pop(m));
    m.stack.push(items.reverse());
  };
};

const listed: Instruction = (m) => {
  const items = sinceMark(m);
  m.stack.push(items);
};

const extend: Instruction = (m) => {
  const items = sinceMark(m);
  const list = listOn(m);
  for (const item of items) list.push(item);
};

const CONTAINERS: Table = {
  ']': pushed(() => []),
  ')': pushed(() => []),
  '\x8f': pushed(() => []),
  '}': pushed(() => new Map()),
  l: listed,
  t: listed,
  '\x91': listed,
  '\x85': tuple(1),
  '\x86': tuple(2),
  '\x87': tuple(3),
  a: (m) => {
    const item = pop(m);
    listOn(m).push(item);
  },
  e: extend,
  '\x90': extend,
  d: (m) => {
    const items = sinceMark(m);
    m.stack.push(entered(new Map(), items));
  },
  s: (m) => {
    const [value, key] = [pop(m), pop(m)];
    entered(tableOn(m), [key, value]);
  },
  u: (m) => {
    const items = sinceMark(m);
    entered(tableOn(m), items);
  },
};

const call: Instruction = (m) => {
  const [args, maker] = [pop(m), pop(m)];
  m.stack.push(called(maker, args));
};

const extension: Instruction = () => {
  throw new Error('it has an extension code, which only its writer understands');
};

const MADE: Table = {
  c: ({ source, stack, allowed }) => {
    const [module, name] = [source.line(), source.line()];
    stack.push(allowed.name(module, name));
  },
  '\x93': (m) => {
    const [name, module] = [pop(m), pop(m)];
    if (typeof name !== 'string' || typeof module !== 'string')
      throw new Error('it has a name that is no text');
    m.stack.push(m.allowed.name(module, name));
  },
  R: call,
  '\x81': call,
  '\x92': (m) => {
    const [, args, maker] = [pop(m), pop(m), pop(m)];
    m.stack.push(called(maker, args));
  },
  i: (m) => {
    const [module, name] = [m.source.line(), m.source.line()];
    const args = sinceMark(m);
    m.stack.push(called(m.allowed.name(module, name), args));
  },
  o: (m) => {
    const [maker, ...args] = sinceMark(m);
    m.stack.push(called(maker, args));
  },
  b: build,
  P: pushed((m) => persistent(m, m.source.line())),
  Q: pushed((m) => persistent(m, pop(m))),
  '\x82': extension,
  '\x83': extension,
  '\x84': extension,
};

const FRAMES: Table = {
  '\x80': ({ source }) => {
    const protocol = source.byte();
    if (protocol > PROTOCOLS) throw new Error(`it is a pickle of the unknown protocol ${protocol}`);
  },
  '\x95': ({ source }) => void source.take(8), // a frame's length
};

/** Instructions by their byte. */
export const OPCODES: ReadonlyMap<number, Instruction> = new Map(
  Object.entries({ ...FRAMES, ...STACK, ...NUMBERS, ...TEXTS, ...CONTAINERS, ...MADE }).map(
    ([letter, run]) => [letter.charCodeAt(0), run],
  ),
);

/** Attributes of a table (`_metadata` of PyTorch's) are no entries of it and are left out. */
function build(m: Machine): void {
  const state = pop(m);
  const value = top(m);
  if (isStateful(value)) value.__setstate__(state);
  else if (!(value instanceof Map)) throw new Error('it sets fields of a value that has none');
}

function called(maker: unknown, args: unknown): unknown {
  if (typeof maker !== 'function' || !Array.isArray(args))
    throw new Error('it calls what is no name');
  return maker(...args.slice(0, MOST_ARGUMENTS));
}

const MOST_ARGUMENTS = 16; // more than any maker takes

function persistent({ allowed }: Machine, id: unknown): unknown {
  if (allowed.persistent === undefined)
    throw new Error('it has a persistent id, which only its writer understands');
  return allowed.persistent(id);
}

function isStateful(value: unknown): value is Stateful {
  return (
    typeof value === 'object' &&
    value !== null &&
    '__setstate__' in value &&
    typeof value.__setstate__ === 'function'
  );
}

function pop({ stack }: Machine): unknown {
  if (stack.length === 0) throw new Error('it takes a value where none is left');
  return stack.pop();
}

function top({ stack }: Machine): unknown {
  if (stack.length === 0) throw new Error('it takes a value where none is left');
  return stack.at(-1);
}

function sinceMark(m: Machine): unknown[] {
  const items = m.stack;
  const below = m.below.pop();
  if (below === undefined) throw new Error('it goes back to a mark that it has not set');
  m.stack = below;
  return items;
}

function listOn(m: Machine): unknown[] {
  const list = top(m);
  if (!Array.isArray(list)) throw new Error('it adds items to what is no list');
  return list;
}

function tableOn(m: Machine): Map<unknown, unknown> {
  const table = top(m);
  if (!(table instanceof Map)) throw new Error('it adds entries to what is no table');
  return table;
}

function entered(table: Map<unknown, unknown>, items: readonly unknown[]): Map<unknown, unknown> {
  if (items.length % 2 !== 0) throw new Error('it has a key without a value');
  for (let i = 0; i < items.length; i += 2) table.set(items[i], items[i + 1]);
  return table;
}

function lineNumber({ source }: Machine): number {
  return Number.parseInt(source.line(), 10);
}
