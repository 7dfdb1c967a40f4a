import { type Tensor, tf } from '../engine/tf.ts';

/** A point where replicas meet: each hands in a value and gets one back. */
export type Exchange =
  | { readonly kind: 'gather'; readonly value: Tensor }
  | { readonly kind: 'mean'; readonly value: Tensor }
  | { readonly kind: 'once'; readonly make: () => unknown };

/** A computation of one replica that meets the others by `yield*`. */
export type Replica<T> = Generator<Exchange, T, unknown>;

/** What one replica makes: a value where it meets no other, else a computation that meets them. */
export type Part<T> = T | Replica<T>;

/** [N, …] of every replica → [R N, …], in replica order, the same on all. Differentiable. */
export function* gather(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'gather', value }) as Tensor;
}

/** Mean over replicas by the fixed tree, the same on all. Differentiable. */
export function* meanOverReplicas(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'mean', value }) as Tensor;
}

/** What does not depend on the replica, traced once and given to all. */
export function* once<T>(make: () => T): Replica<T> {
  return (yield { kind: 'once', make }) as T;
}

/**
 * Runs the replicas of one process in lockstep: each up to its next exchange, then the exchange.
 * @throws when replicas do not come to the same exchange: a method must not branch on its replica.
 */
export function runReplicas<T extends object>(replicas: readonly Part<T>[]): T[] {
  const results: T[] = [];
  let answers: readonly unknown[] = replicas.map(() => undefined);
  for (;;) {
    const reached = replicas.map((replica, r) => next(replica, answers[r]));
    for (const step of reached) if (step.done) results.push(step.value);
    if (results.length === replicas.length) return results;
    const exchanges = reached.flatMap((step) => (step.done ? [] : [step.value]));
    const kinds = reached.map((step) => (step.done ? 'end' : step.value.kind));
    if (new Set(kinds).size > 1)
      throw new Error(
        `replicas part: replica r is at [${kinds}]; all must meet at the same exchange`,
      );
    answers = exchange(exchanges);
  }
}

/** A replica up to its next exchange; one that is a value already is at its end. */
function next<T extends object>(replica: Part<T>, answer: unknown): IteratorResult<Exchange, T> {
  return 'next' in replica ? replica.next(answer) : { done: true, value: replica };
}

function exchange(met: readonly Exchange[]): readonly unknown[] {
  const [first] = met;
  if (first === undefined) return [];
  if (first.kind === 'once') {
    const shared = first.make();
    return met.map(() => shared);
  }
  const values = met.flatMap((one) => (one.kind === 'once' ? [] : [one.value]));
  const answer =
    first.kind === 'gather'
      ? concatenated(values)
      : tf.mul(treeSum(values), tf.scalar(1 / values.length));
  return met.map(() => answer);
}

function concatenated(values: readonly Tensor[]): Tensor {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : tf.concat([...values], 0);
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
