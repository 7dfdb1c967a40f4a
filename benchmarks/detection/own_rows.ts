import { findSize, freeSize } from '../../harness/engine/sizes/free_size.ts';
import type { SizeRange, Sizes } from '../../harness/engine/sizes/ranges.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import type { GraphRegions } from './graph_regions.ts';

/** Regions of an image without the repeats behind them. */
export type OwnRegions = Omit<GraphRegions, 'count'>;

const nameOf = (prefix: string, image: number) => `${prefix}regions${image}`;
const allOf = (prefix: string) => `${prefix}regions`;

/**
 * The free sizes of an entry that `ownRows` finds out: regions of each image, and of all.
 * @param prefix apart for each replica of the entry
 * @param count regions of an image, at most
 */
export function regionSizes(prefix: string, images: number, count: number) {
  const names = Array.from({ length: images }, (_, i) => nameOf(prefix, i));
  const each = names.map((name): [string, SizeRange] => [name, { least: 1, most: count }]);
  const all = (sizes: Sizes) => names.reduce((sum, name) => sum + (sizes[name] ?? 0), 0);
  // Of one image they are the same number, which has one name.
  return { ...Object.fromEntries(each), ...(images > 1 ? { [allOf(prefix)]: all } : {}) };
}

/**
 * Leaves out what is behind the count of each image, so that norms and losses see what was drawn alone: an image may
 * give fewer regions than were asked for (docs/reference/detection.md, section 8). How many rows there are is known only
 * when the step runs; `regionSizes` are sizes of its entry. One row is left where an image gives none.
 */
export function ownRows(prefix: string, drawn: readonly GraphRegions[]): OwnRegions[] {
  const counts = drawn.map(({ count }) => tf.maximum(count, tf.scalar(1, 'int32')));
  const [first, ...others] = counts;
  if (first === undefined) return [];
  if (others.length > 0)
    findSize(
      allOf(prefix),
      others.reduce((sum, count) => tf.add(sum, count), first),
    );
  return drawn.map((regions, image) => {
    const name = nameOf(prefix, image);
    findSize(name, counts[image] ?? first);
    const rows = freeSize(name);
    const cut = (x: Tensor) => tf.slice(x, new Array(x.rank).fill(0), [rows, ...x.shape.slice(1)]);
    const { index, boxes, classes, goals, truths } = regions;
    return {
      index: cut(index),
      boxes: cut(boxes),
      classes: cut(classes),
      goals: cut(goals),
      truths: cut(truths),
    };
  });
}
