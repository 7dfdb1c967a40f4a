import { byteSource } from '../../data/pickle/byte_source.ts';
import { allowed } from '../../data/pickle/numpy_names.ts';
import { plainText, unpickle } from '../../data/pickle/unpickle.ts';
import { type Archive, openArchive } from './archive.ts';
import type { Bytes } from './file_bytes.ts';
import type { Storage } from './tensors.ts';
import { isStorage, known, readTorchPickle } from './unpickle.ts';

/** What a file of PyTorch holds: a value whose tensors name storages, and the memory of these. */
export interface Content {
  readonly value: unknown;
  /** Raw memory of a storage. @throws Error where the file does not have it whole. */
  readonly memory: (storage: Storage) => Uint8Array;
}

/** Begin of a file as PyTorch wrote them before 1.6: its magic number as a pickle. */
export const LEGACY = Uint8Array.of(
  ...[0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e],
);
const VERSION = 1001; // of the format before 1.6
const MAIN = 'data.pkl';

/** @param most bytes that the archive may unpack to */
export function contentOfZip(file: Bytes, most: number): Content {
  const archive = openArchive(file, most);
  const main = archive.names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [name] = main;
  if (name === undefined) throw new Error('it is a zip archive without data.pkl');
  if (main.length > 1) throw new Error(`it has several ${MAIN}: ${main.slice(0, 3).join(', ')}`);
  const folder = name.slice(0, -MAIN.length);
  if (
    archive.names.some(
      (one) => one.startsWith(`${folder}code/`) || one === `${folder}constants.pkl`,
    )
  )
    throw new Error('it is a TorchScript program, not weights');
  const order = archive.read(`${folder}byteorder`);
  if (order !== undefined && Buffer.from(order).toString().trim() !== 'little')
    throw new Error('its numbers are big-endian');
  const value = readTorchPickle(byteSource(archive.read(name) ?? new Uint8Array()), new Map());
  return { value, memory: storagesOf(archive, folder) };
}

function storagesOf(archive: Archive, folder: string): Content['memory'] {
  const known = new Map<string, Uint8Array>();
  return ({ key, length, element }) => {
    const data =
      known.get(key) ??
      archive.read(`${folder}data/${key}`) ??
      archive.read(`${folder}tensors/${key}`);
    if (data === undefined) throw new Error(`storage ${key} is not in it`);
    if (data.length < length * element.bytes)
      throw new Error(
        `storage ${key} has ${data.length} bytes, expected ${length * element.bytes}`,
      );
    known.set(key, data);
    return data;
  };
}

/** A file of before PyTorch 1.6: five pickles, then each storage's length and memory. */
export function contentOfLegacy(bytes: Uint8Array): Content {
  if (!LEGACY.every((byte, i) => bytes[i] === byte)) throw new Error('it does not begin as one');
  const source = byteSource(bytes);
  source.take(LEGACY.length);
  const storages = new Map<string, Storage>();
  const version = readTorchPickle(source, storages);
  if (version !== VERSION) throw new Error(`it is of version ${plainText(version)} of the format`);
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

/**
 * A pickle that Python itself wrote, with numpy's arrays or with tensors, each storage of which lies in it as a file of
 * before PyTorch 1.6.
 */
export function contentOfPickle(file: Uint8Array): Content {
  const memories = new Map<string, Uint8Array>();
  const held = (bytes: unknown): Storage => {
    if (!(bytes instanceof Uint8Array)) throw new Error('it holds a storage without bytes');
    const { value, memory } = contentOfLegacy(bytes);
    if (!isStorage(value)) throw new Error('it holds a storage that is not understood');
    const storage = { ...value, key: String(memories.size) };
    memories.set(storage.key, memory(value));
    return storage;
  };
  const name = (module: string, own: string) => {
    if (`${module}.${own}` === 'torch.storage._load_from_bytes') return held;
    return /^torch(?:\.|$)/.test(module) ? known(module, own) : allowed(module, own);
  };
  const { value } = unpickle(byteSource(file), { name });
  const memory = ({ key }: Storage) => {
    const found = memories.get(key);
    if (found === undefined) throw new Error(`storage ${key} is not in it`);
    return found;
  };
  return { value, memory };
}
