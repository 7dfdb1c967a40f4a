import { type Zippable, zipSync } from 'fflate';
import { UserError, writeAtomic } from '../../base/index.ts';
import { bytesOf, type DType, type HostArray, sizeOf } from '../../engine/array.ts';
import * as write from './pickle_writer.ts';

const STORAGES: Readonly<Record<DType, string>> = {
  float32: 'FloatStorage',
  float64: 'DoubleStorage',
  float16: 'HalfStorage',
  bfloat16: 'BFloat16Storage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  uint8: 'ByteStorage',
  bool: 'BoolStorage',
};
/** The archive has 32-bit lengths. */
const LARGEST = 2 ** 32 - 2 ** 20;

/**
 * Writes tensors as `torch.save(state_dict)` does, so that `torch.load(path, weights_only=True)` reads them. Equal
 * tensors give equal bytes: in order of name, without a time.
 * @throws UserError where it would be larger than 4 GiB, or cannot be written
 */
export async function writeTorchFile(
  path: string,
  tensors: ReadonlyMap<string, HostArray>,
): Promise<void> {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const size = sorted.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  if (size > LARGEST)
    throw new UserError(
      `${path}: ${size} bytes of tensors are more than a .pth file of ours holds (4 GiB); write .safetensors`,
    );
  const table = write.called(write.named('collections', 'OrderedDict'));
  const entries = sorted.map(([name, array], i) => [name, tensor(array, String(i))] as const);
  const files: Zippable = {
    'archive/data.pkl': Buffer.concat(write.pickle(write.filled(table, entries), 2)),
    'archive/byteorder': Buffer.from('little'),
  };
  for (const [i, [, { data }]] of sorted.entries()) files[`archive/data/${i}`] = bytesOf(data);
  files['archive/version'] = Buffer.from('3\n');
  await writeAtomic(path, zipSync(files, { level: 0, mtime: new Date(1980, 0, 1) }));
}

function tensor({ dtype, shape, data }: HostArray, key: string): write.Pickled {
  const storage = write.persistent(
    write.tuple([
      write.string('storage'),
      write.named('torch', STORAGES[dtype]),
      write.string(key),
      write.string('cpu'),
      write.integer(data.length),
    ]),
  );
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  return write.called(
    write.named('torch._utils', '_rebuild_tensor_v2'),
    storage,
    write.integer(0),
    write.tuple(shape.map(write.integer)),
    write.tuple(strides.map(write.integer)),
    write.boolean(false),
    write.called(write.named('collections', 'OrderedDict')),
  );
}
