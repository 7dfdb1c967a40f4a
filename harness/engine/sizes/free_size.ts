import { dtypeInGraph, freeTrace, type Tensor, unwrap } from '../tf.ts';

/** A free size of the entry that is traced, as it is in this trace. @throws where it has none of that name */
export function freeSize(name: string): number {
  const size = freeTrace()?.sizes[name];
  if (size === undefined) throw new Error(`engine: there is no free size '${name}'`);
  return size;
}

/**
 * Says that a run finds out a free size itself, which is not told then: what is cut to this size has as many rows as the
 * tensor says when it runs. Comes before the size is used.
 * @param size int32, scalar, within the size's bounds
 */
export function findSize(name: string, size: Tensor): void {
  const free = freeTrace();
  if (free === undefined || free.sizes[name] === undefined)
    throw new Error(`engine: there is no free size '${name}' to find out`);
  if (size.rank !== 0 || dtypeInGraph(size) !== 'int32')
    throw new Error(
      `engine: size '${name}': ${dtypeInGraph(size)} [${size.shape}], expected an int32 scalar`,
    );
  free.find(name, unwrap(size));
}
