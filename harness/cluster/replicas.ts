import { withGradient } from '../engine/gradient.ts';
import { identity } from '../engine/op.ts';
import { asTypeOf, toFloat } from '../engine/precision.ts';
import { dtypeInGraph, type Tensor, tf } from '../engine/tf.ts';
import { gatherOf, sumOf } from './collectives.ts';
import { alone } from './layout.ts';
import { Meetings } from './meetings.ts';

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
 * Runs the replicas of one process in lockstep: each up to its next exchange, then the exchange, with those of other
 * processes too. The gradients of what was exchanged are known once `meetings` is closed.
 * @throws when replicas do not come to the same exchange: a method must not branch on its replica.
 */
export function runReplicas<T extends object>(
  replicas: readonly Part<T>[],
  meetings: Meetings = new Meetings(alone(replicas.length)),
): T[] {
  const results: T[] = [];
  let answers: readonly unknown[] = replicas.map(() => undefined);
  for (let n = 0; ; n++) {
    const reached = replicas.map((replica, r) => next(replica, answers[r]));
    for (const step of reached) if (step.done) results.push(step.value);
    if (results.length === replicas.length) return results;
    const exchanges = reached.flatMap((step) => (step.done ? [] : [step.value]));
    const kinds = reached.map((step) => (step.done ? 'end' : step.value.kind));
    if (new Set(kinds).size > 1)
      throw new Error(
        `replicas part: replica r is at [${kinds}]; all must meet at the same exchange`,
      );
    answers = exchange(exchanges, meetings, `exchange ${n}`);
  }
}

/** A replica up to its next exchange; one that is a value already is at its end. */
function next<T extends object>(replica: Part<T>, answer: unknown): IteratorResult<Exchange, T> {
  return 'next' in replica ? replica.next(answer) : { done: true, value: replica };
}

function exchange(met: readonly Exchange[], meetings: Meetings, place: string): readonly unknown[] {
  const [first] = met;
  if (first === undefined) return [];
  if (first.kind === 'once') {
    const shared = first.make();
    return met.map(() => shared);
  }
  const values = met.flatMap((one) => (one.kind === 'once' ? [] : [one.value]));
  return first.kind === 'gather'
    ? gathered(values, meetings, place)
    : averaged(values, meetings, place);
}

/** All rows, for each replica: its gradient is its own rows' of the sum over what all replicas made of them. */
function gathered(values: readonly Tensor[], meetings: Meetings, place: string): Tensor[] {
  const { layout } = meetings;
  const rows = gatherOf(values, layout);
  const each = (rows.shape[0] ?? 0) / layout.replicas;
  const counts = Array.from({ length: layout.replicas }, () => each);
  return values.map((value, i) => {
    if (layout.replicas === 1 || !FLOATS.has(dtypeInGraph(value))) return rows;
    return withGradient([value], () => ({
      value: identity(rows),
      gradients: (dy) => [
        asTypeOf(meetings.scattered(place, replicaOf(meetings, i), toFloat(dy), counts), value),
      ],
    }));
  });
}

/** The mean, for each replica: its gradient is the mean of all replicas' gradients. */
function averaged(values: readonly Tensor[], meetings: Meetings, place: string): Tensor[] {
  const { layout } = meetings;
  const share = 1 / layout.replicas;
  const mean = tf.mul(sumOf(values, layout), tf.scalar(share));
  return values.map((value, i) => {
    if (layout.replicas === 1) return mean;
    return withGradient([value], () => ({
      value: identity(mean),
      gradients: (dy) => {
        const total = meetings.total(place, replicaOf(meetings, i), identity(dy));
        return [tf.mul(total, tf.scalar(share))];
      },
    }));
  });
}

const FLOATS: ReadonlySet<string> = new Set(['float32', 'bfloat16', 'float16']);

/** The replica that is the i-th of this process. */
function replicaOf({ layout: { replicas, processes, rank } }: Meetings, i: number): number {
  return (rank * replicas) / processes + i;
}
