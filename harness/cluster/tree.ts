import { type Tensor, tf } from '../engine/tf.ts';
import type { Layout } from './layout.ts';
import { ownReplicas } from './layout.ts';

/** A sum of neighbours in the fixed tree: of the replicas from `first` up to, not including, `end`. */
export interface Branch {
  readonly first: number;
  readonly end: number;
  /** The two sums that it adds; none where it is one replica's value. */
  readonly of?: readonly [Branch, Branch];
}

/**
 * The fixed binary tree over replicas, ((0 + 1) + (2 + 3)) + …: neighbours are added, and one that is left over goes
 * up as it is.
 */
export function treeOver(count: number): Branch {
  let level: Branch[] = Array.from({ length: count }, (_, i) => ({ first: i, end: i + 1 }));
  while (level.length > 1) {
    const next: Branch[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i];
      const right = level[i + 1];
      if (left === undefined) continue;
      next.push(
        right === undefined ? left : { first: left.first, end: right.end, of: [left, right] },
      );
    }
    level = next;
  }
  const [root] = level;
  if (root === undefined) throw new Error('tree: nothing to add');
  return root;
}

/** The sums of the tree that a process can make of its own replicas alone, the largest ones, in order. */
export function ownBranches(layout: Layout): Branch[] {
  const own = ownReplicas(layout);
  const [first = 0] = own;
  return within(treeOver(layout.replicas), first, first + own.length);
}

function within(branch: Branch, first: number, end: number): Branch[] {
  if (branch.end <= first || branch.first >= end) return [];
  if (branch.first >= first && branch.end <= end) return [branch];
  return (branch.of ?? []).flatMap((part) => within(part, first, end));
}

/** A sum of the tree, from those that are known: each replica's value at the least. */
export function branchSum(branch: Branch, known: (branch: Branch) => Tensor | undefined): Tensor {
  const value = known(branch);
  if (value !== undefined) return value;
  if (branch.of === undefined) throw new Error(`tree: no value of replica ${branch.first}`);
  const [left, right] = branch.of;
  return tf.add(branchSum(left, known), branchSum(right, known));
}

/**
 * Sum in a fixed binary tree over position: ((0 + 1) + (2 + 3)) + … The bits depend on the values only,
 * not on how replicas are spread over processes (docs/determinism.md, "What never changes a bit").
 */
export function treeSum(values: readonly Tensor[]): Tensor {
  if (values.length === 0) throw new Error('treeSum: nothing to add');
  let level = [...values];
  while (level.length > 1) {
    const next: Tensor[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i];
      const right = level[i + 1];
      if (left !== undefined) next.push(right === undefined ? left : tf.add(left, right));
    }
    level = next;
  }
  const [root] = level;
  if (root === undefined) throw new Error('treeSum: nothing to add');
  return root;
}
