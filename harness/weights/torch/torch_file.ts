import { type UnzipFileInfo, unzipSync } from 'fflate';
import { readBytes, UserError } from '../../base/index.ts';
import { byteSource } from '../../data/pickle/byte_source.ts';
import { plainText } from '../../data/pickle/unpickle.ts';
import { type HostArray, sizeOf } from '../../engine/array.ts';
import { densely, type Storage, type StridedTensor } from './tensors.ts';
import { readTorchPickle } from './unpickle.ts';

/** Begin of a file as PyTorch wrote them before 1.6: its magic number as a pickle. */
const LEGACY = Uint8Array.of(
  ...[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
);
const ZIP = Uint8Array.of(0x50, 0x4b, 3, 4);
/** Tensors may overlap in a file: all of them together may take this many times its bytes, and `SPARE` more. */
const GROWTH = 8;
const SPARE = 1 << 24;

/** Tensors by their place in the file: keys of nested tables joined by dots, e.g. `state_dict.fc.weight`. */
export type TorchTensors = ReadonlyMap<string, HostArray>;

/**
 * The tensors of a file that `torch.save` wrote: a zip archive, or, before PyTorch 1.6, pickles and raw memory one
 * after another. Whatever else it holds (epoch, settings) is left out. The unpickler can make nothing but tensors, so
 * that opening a stranger's file is safe.
 * @param wanted reads only the tensors whose name passes
 * @returns elements as in the file; 8- and 16-bit whole numbers as int32
 * @throws UserError naming the file and what is wrong with it: cut short, TorchScript, a name that is none of the few
 *   that tensors need, tensors beyond their storage, or that are many times larger than the file.
 */
export function readTorchFile(path: string, wanted = (_name: string) => true): TorchTensors {
  const bytes = readBytes(path);
  try {
    const { value, memory } = begins(bytes, ZIP) ? fromZip(bytes) : fromLegacy(bytes);
    const named = tensorsIn(value).filter(([name]) => wanted(name));
    checkSize(named, bytes.length);
    return new Map(named.map(([name, tensor]) => [name, made(name, tensor, memory)]));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `${path} is no file of PyTorch weights that can be read: ${reason}; ${MEND}`,
      {
        cause,
      },
    );
  }
}

const MEND =
  'fetch it again, or write it anew in Python: torch.save(model.state_dict(), "weights.pth")';

/** Raw memory of a storage by its key. */
type Memory = (storage: Storage) => Uint8Array;

interface Content {
  readonly value: unknown;
  readonly memory: Memory;
}

function fromZip(bytes: Uint8Array): Content {
  const files = unzipSync(bytes, { filter: allowedIn(bytes.length) });
  const names = Object.keys(files);
  const main = names.find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (main === undefined) throw new Error('it is a zip archive without data.pkl');
  const folder = main.slice(0, -'data.pkl'.length);
  if (names.some((name) => name === `${folder}constants.pkl` || name.startsWith(`${folder}code/`)))
    throw new Error('it is a TorchScript program, not weights');
  const order = files[`${folder}byteorder`];
  if (order !== undefined && Buffer.from(order).toString().trim() !== 'little')
    throw new Error('its numbers are big-endian');
  const value = readTorchPickle(byteSource(files[main] ?? new Uint8Array()), new Map());
  const memory = ({ key, length, element }: Storage) => {
    const data = files[`${folder}data/${key}`] ?? files[`${folder}tensors/${key}`];
    if (data === undefined) throw new Error(`storage ${key} is not in it`);
    if (data.length < length * element.bytes)
      throw new Error(
        `storage ${key} has ${data.length} bytes, expected ${length * element.bytes}`,
      );
    return data;
  };
  return { value, memory };
}

// PyTorch stores without compression; what claims to unpack to far more than the archive holds is no weights.
function allowedIn(size: number): (file: UnzipFileInfo) => boolean {
  let total = 0;
  return ({ name, originalSize }) => {
    if (!Number.isSafeInteger(originalSize) || originalSize < 0)
      throw new Error(`its entry ${name} has no size`);
    total += originalSize;
    if (total > GROWTH * size + SPARE)
      throw new Error(`it unpacks to more than ${total} bytes, from ${size}`);
    return true;
  };
}

function fromLegacy(bytes: Uint8Array): Content {
  if (!begins(bytes, LEGACY)) throw new Error('it does not begin as one');
  const source = byteSource(bytes);
  source.take(LEGACY.length);
  const storages = new Map<string, Storage>();
  const version = readTorchPickle(source, storages);
  if (version !== 1001) throw new Error(`it is of version ${plainText(version)} of the format`);
  const system = readTorchPickle(source, storages);
  if (system instanceof Map && system.get('little_endian') === false)
    throw new Error('its numbers are big-endian');
  const value = readTorchPickle(source, storages);
  const keys = readTorchPickle(source, storages);
  if (!Array.isArray(keys)) throw new Error('it has no list of storages');
  const memories = new Map<string, Uint8Array>();
  for (const key of keys) {
    const storage = storages.get(plainText(key));
    if (storage === undefined) throw new Error(`storage ${plainText(key)} is of no known type`);
    const length = source.uint(8);
    if (length !== storage.length)
      throw new Error(`storage ${storage.key} has ${length} elements, expected ${storage.length}`);
    memories.set(storage.key, source.take(length * storage.element.bytes));
  }
  const memory = ({ key }: Storage) => {
    const found = memories.get(key);
    if (found === undefined) throw new Error(`storage ${key} is not in it`);
    return found;
  };
  return { value, memory };
}

/** Values of a file that are looked at: more are no weights, but a small file that means a giant one. */
const MOST = 1_000_000;

/** All tensors below a value, each with its name. A table inside itself is entered once. */
function tensorsIn(root: unknown): [string, StridedTensor][] {
  const found: [string, StridedTensor][] = [];
  let seen = 0;
  const enter = (value: unknown, name: string, above: readonly unknown[]): void => {
    seen += 1;
    if (seen > MOST) throw new Error(`it holds more than ${MOST} values`);
    if (isTensor(value)) found.push([name, value]);
    else if ((value instanceof Map || Array.isArray(value)) && !above.includes(value)) {
      const stem = name === '' ? '' : `${name}.`;
      for (const [key, entry] of value.entries())
        enter(entry, `${stem}${plainText(key)}`, [...above, value]);
    }
  };
  enter(root, '', []);
  return found;
}

function isTensor(value: unknown): value is StridedTensor {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'tensor';
}

function checkSize(named: readonly [string, StridedTensor][], size: number): void {
  const wanted = named.reduce(
    (sum, [, { shape, storage }]) => sum + sizeOf(shape) * Math.max(4, storage.element.bytes),
    0,
  );
  if (wanted > GROWTH * size + SPARE)
    throw new Error(`its tensors would take ${wanted} bytes, from a file of ${size}`);
}

function made(name: string, tensor: StridedTensor, memory: Memory): HostArray {
  try {
    return densely(tensor, memory(tensor.storage));
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function begins(bytes: Uint8Array, mark: Uint8Array): boolean {
  return mark.every((byte, i) => bytes[i] === byte);
}
