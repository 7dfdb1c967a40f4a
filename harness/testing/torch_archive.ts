import { type PickleWriter, pickleWriter } from '../data/pickle/writer.ts';
import { type WrittenEntry, type WrittenOptions, zipBytes } from './zips.ts';

/** A tensor in a file of PyTorch's, right or wrong. */
export interface Tensor {
  readonly key?: string;
  readonly type?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
}

/** Writes what PyTorch writes for a tensor. */
export function putTensor(pickle: PickleWriter, tensor: Tensor): PickleWriter {
  const { key = '0', type = 'FloatStorage', elements = 4 } = tensor;
  const { offset = 0, shape = [2, 2], strides = [2, 1] } = tensor;
  pickle
    .global('torch._utils', '_rebuild_tensor_v2')
    .op('((')
    .text('storage')
    .global('torch', type);
  pickle.text(key).text('cpu').int(elements).op('tQ').int(offset).tuple(shape).tuple(strides);
  return pickle.bool(false).global('collections', 'OrderedDict').op(')RtR');
}

/** The one storage of `archive`. */
export const NUMBERS = Float32Array.of(1, 2, 3, 4);
export const entry = (name: string, content: Uint8Array | string): WrittenEntry => ({
  name: `a/${name}`,
  content: typeof content === 'string' ? Buffer.from(content, 'latin1') : content,
});

/** An archive of one tensor `w` of four numbers, and what is to be wrong with it. */
export function archive(
  tensor: Tensor = {},
  more: { readonly entries?: readonly WrittenEntry[]; readonly options?: WrittenOptions } = {},
): Buffer {
  return zipBytes([...entriesOf(tensor), ...(more.entries ?? [])], more.options);
}

/** Its entries. */
export function* entriesOf(tensor: Tensor = {}): Generator<WrittenEntry> {
  const pickle = putTensor(pickleWriter(2).op('}').text('w'), tensor).op('s.');
  yield entry('data.pkl', Buffer.concat(pickle.pieces));
  yield entry('data/0', new Uint8Array(NUMBERS.buffer));
}

/** The archive with one entry changed. */
export function changed(
  name: string,
  change: Partial<WrittenEntry>,
  options?: WrittenOptions,
): Buffer {
  const all = [...entriesOf()].map((one) =>
    one.name === `a/${name}` ? { ...one, ...change } : one,
  );
  return zipBytes(all, options);
}
