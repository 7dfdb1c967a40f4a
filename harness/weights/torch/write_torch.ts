import { type PickleWriter, pickleWriter } from '../../data/pickle/writer.ts';
import { bytesOf, type DType, type HostArray } from '../../engine/array.ts';
import { zipPieces } from './zip_writer.ts';

/** The class of storages that PyTorch has for each element type. */
const CLASSES: Readonly<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};

/**
 * The bytes of a PyTorch file, in pieces: an ordered dictionary of tensors by name, as `torch.save` writes a state
 * dictionary since 1.6, which `torch.load(…, weights_only=True)` reads. Each tensor has a storage of its own. Equal
 * tensors in equal order give equal bytes.
 */
export function encodeTorch(tensors: ReadonlyMap<string, HostArray>): Generator<Uint8Array> {
  return archived(tensors, putTensors(pickleWriter(2), tensors).op('.'));
}

/**
 * As `encodeTorch`, in a checkpoint as detectron2 writes them: a table whose `model` the dictionary is.
 * @param iteration the last one that was done, counted from 0, if any is known
 */
export function encodeTorchCheckpoint(
  tensors: ReadonlyMap<string, HostArray>,
  iteration?: number,
): Generator<Uint8Array> {
  const pickle = putTensors(pickleWriter(2).op('}(').text('model'), tensors);
  if (iteration !== undefined) pickle.text('iteration').int(iteration);
  return archived(tensors, pickle.op('u.'));
}

function archived(
  tensors: ReadonlyMap<string, HostArray>,
  { pieces }: PickleWriter,
): Generator<Uint8Array> {
  const text = (content: string) => [Buffer.from(content)];
  const storages = [...tensors.values()].map(({ data }, key) => ({
    name: `archive/data/${key}`,
    pieces: [bytesOf(data)],
  }));
  return zipPieces([
    { name: 'archive/data.pkl', pieces },
    { name: 'archive/byteorder', pieces: text('little') },
    ...storages,
    { name: 'archive/version', pieces: text('3\n') },
  ]);
}

function putTensors(pickle: PickleWriter, tensors: ReadonlyMap<string, HostArray>): PickleWriter {
  pickle.global('collections', 'OrderedDict').op(')R(');
  for (const [key, [name, { dtype, shape, data }]] of [...tensors].entries()) {
    pickle.text(name).global('torch._utils', '_rebuild_tensor_v2').op('(');
    pickle.op('(').text('storage').global('torch', CLASSES[dtype]);
    pickle.text(String(key)).text('cpu').int(data.length).op('tQ');
    pickle.int(0).tuple(shape).tuple(stridesOf(shape)).bool(false);
    pickle.global('collections', 'OrderedDict').op(')RtR');
  }
  return pickle.op('u');
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] ?? 1) * Math.max(1, shape[axis + 1] ?? 1);
  return strides;
}
