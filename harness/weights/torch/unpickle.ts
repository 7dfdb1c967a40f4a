import type { ByteSource } from '../../data/pickle/byte_source.ts';
import { numpyName } from '../../data/pickle/numpy_names.ts';
import { plainText, unpickle } from '../../data/pickle/unpickle.ts';
import { ELEMENTS, STORAGES, type Storage, type StridedTensor } from './tensors.ts';

/**
 * Reads one pickle that PyTorch wrote. It can make tensors, numpy's arrays, numbers, text, lists and tables and nothing
 * else: a name that is not known here is an error, and nothing of the file is ever called.
 * @param source stands behind the pickle afterwards
 * @param storages is given every storage that the pickle names, by key
 * @throws Error that says what is refused or not understood; the caller knows the file's name.
 */
export function readTorchPickle(source: ByteSource, storages: Map<string, Storage>): unknown {
  const resolve = (id: unknown) => {
    const storage = storageOf(id);
    storages.set(storage.key, storage);
    return storage;
  };
  return unpickle(source, { name: known, persistent: resolve }).value;
}

type Call = (...args: unknown[]) => unknown;

/** Stands for a class or value of PyTorch that is only ever named, such as that of a storage. */
class Named {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What a name of PyTorch's or numpy's stands for. @throws Error for any other */
export function known(module: string, name: string): Call | Named {
  const full = `${module}.${name}`;
  const call = Object.hasOwn(CALLS, full) ? CALLS[full] : numpyName(module, name);
  if (call !== undefined) return call;
  const named = nameOf(module, name);
  const kind = KINDS[full];
  if (kind !== undefined) throw new Error(`it holds ${kind} (${full}), which are not read`);
  if (named === undefined)
    throw new Error(
      `it names ${full}, which is none of the few names that tensors need: such a file could run a program`,
    );
  return named;
}

function nameOf(module: string, name: string): Named | undefined {
  if (module === 'torch.storage' && (name === 'TypedStorage' || name === 'UntypedStorage'))
    return new Named(name);
  if (module !== 'torch') return undefined;
  return TYPE.test(name) ? new Named(name) : undefined;
}

/** Names of PyTorch's storages and element types, also of those that are not read. */
const TYPE =
  /^(?:[A-Z]\w*Storage|u?int\d+|float\d+(?:_\w+)?|bfloat16|bool|complex\d+|q?u?int\d+(?:x\d)?)$/;

/** Tensors of other kinds, by the name of what makes them. */
const KINDS: Readonly<Record<string, string>> = {
  'torch._utils._rebuild_qtensor': 'quantised tensors',
  'torch._utils._rebuild_sparse_tensor': 'sparse tensors',
  'torch._utils._rebuild_meta_tensor_no_storage': 'tensors without values',
  'torch._utils._rebuild_nested_tensor': 'nested tensors',
  'torch._utils._rebuild_wrapper_subclass': 'tensors of a class of their own',
};

const CALLS: Readonly<Record<string, Call>> = {
  'collections.OrderedDict': (pairs = []) => new Map(pairsOf(pairs)),
  'torch._utils._rebuild_tensor': tensorOf,
  'torch._utils._rebuild_tensor_v2': tensorOf,
  'torch._utils._rebuild_tensor_v3': typedTensorOf,
  'torch._utils._rebuild_parameter': (data) => data,
  'torch._utils._rebuild_parameter_with_state': (data) => data,
  'torch.Size': (sizes) => sizes,
  'torch.device': () => undefined,
};

function pairsOf(pairs: unknown): [unknown, unknown][] {
  if (!Array.isArray(pairs)) throw new Error('it holds a table that is not understood');
  return pairs.map((pair: unknown) => {
    if (!Array.isArray(pair)) throw new Error('it holds a table that is not understood');
    return [pair[0], pair[1]];
  });
}

// ('storage', class, key, place, elements), and for a part of one also its view.
function storageOf(id: unknown): Storage {
  const [word, type, key, , length, view]: readonly unknown[] = Array.isArray(id) ? id : [];
  if (word !== 'storage' || typeof key !== 'string' || !isCount(length) || (view ?? null) !== null)
    throw new Error('it holds a storage that is not understood');
  const name = namedOf(type);
  const element = name === 'UntypedStorage' ? ELEMENTS.uint8 : ELEMENTS[STORAGES[name] ?? ''];
  if (element === undefined) throw new Error(`storages of type ${name} are not read`);
  return { key, element, length };
}

function tensorOf(
  storage: unknown,
  offset: unknown,
  shape: unknown,
  strides: unknown,
): StridedTensor {
  if (!isStorage(storage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides))
    throw new Error('it holds a tensor that is not understood');
  if (shape.length !== strides.length)
    throw new Error(`it holds a tensor of shape [${shape}] with strides [${strides}]`);
  return { kind: 'tensor', storage, offset, shape, strides };
}

// Of element types that have no storage class of their own: (storage, offset, shape, strides, …, type).
function typedTensorOf(...args: unknown[]): StridedTensor {
  const [storage, offset, shape, strides, , , type] = args;
  const name = namedOf(type);
  const element = ELEMENTS[name];
  if (element === undefined) throw new Error(`tensors of type ${name} are not read`);
  const tensor = tensorOf(storage, offset, shape, strides);
  return { ...tensor, storage: { ...tensor.storage, element } };
}

function namedOf(type: unknown): string {
  return type instanceof Named ? type.name : plainText(type);
}

export function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'element' in value && 'key' in value;
}

const MOST_AXES = 64; // as PyTorch has it

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_AXES && value.every(isCount);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
