import { withGradient } from '../engine/gradient.ts';
import { identity } from '../engine/op.ts';
import { placedAt, rows } from '../engine/ops/indexing.ts';
import { asTypeOf, toFloat } from '../engine/precision.ts';
import { activeGraph, dtypeInGraph, type Tensor, tf, unwrap, wrap } from '../engine/tf.ts';
import { concatenated, gatherOf, sumOf } from './collectives.ts';
import { alone, type Layout } from './layout.ts';
import { sourceOf } from './made_of.ts';
import { Meetings } from './meetings.ts';
import { permutedRows, sendsRows } from './permuted.ts';
import { broadcastOf } from './transport.ts';

/** A point where replicas meet: each hands in a value and gets one back. */
export type Exchange =
  | { readonly kind: 'gather' | 'sum' | 'mean' | 'broadcast'; readonly value: Tensor }
  | { readonly kind: 'permute'; readonly value: Tensor; readonly order: Tensor }
  | { readonly kind: 'once'; readonly make: () => unknown };

/** A computation of one replica that meets the others by `yield*`. */
export type Replica<T> = Generator<Exchange, T, unknown>;

/** What one replica makes: a value where it meets no other, else a computation that meets them. */
export type Part<T> = T | Replica<T>;

/** [N, …] of every replica → [R N, …], in replica order, the same on all. Differentiable. */
export function* gather(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'gather', value }) as Tensor;
}

/** Sum over replicas by the fixed tree, in float32 at least, the same on all. Differentiable. */
export function* sumOverReplicas(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'sum', value }) as Tensor;
}

/** Mean over replicas by the fixed tree, in float32, the same on all. Differentiable. */
export function* meanOverReplicas(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'mean', value }) as Tensor;
}

/** What the first replica hands in, on all. Differentiable: the first one gets the sum of all gradients. */
export function* broadcast(value: Tensor): Replica<Tensor> {
  return (yield { kind: 'broadcast', value }) as Tensor;
}

/**
 * The rows of all replicas in another order, each replica as many as it handed in. Differentiable.
 * @param value [N, …]
 * @param order int32 [R N], a permutation, the same on all: row i of all is row `order[i]` of what was handed in
 */
export function* permute(value: Tensor, order: Tensor): Replica<Tensor> {
  const mine = (yield { kind: 'permute', value, order }) as () => Tensor;
  return mine();
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
  switch (first.kind) {
    case 'gather':
      return gathered(values, meetings, place);
    case 'permute':
      return permuted(values, first.order, meetings, place);
    case 'broadcast':
      return sent(values, meetings, place);
    default:
      return added(values, meetings, place, first.kind === 'mean');
  }
}

/** All rows, for each replica: its gradient is its own rows' of the sum over what all replicas made of them. */
function gathered(values: readonly Tensor[], meetings: Meetings, place: string): Tensor[] {
  const { layout } = meetings;
  const all = gatherOf(values, layout);
  const each = (all.shape[0] ?? 0) / layout.replicas;
  const counts = Array.from({ length: layout.replicas }, () => each);
  return values.map((value, i) => {
    if (layout.replicas === 1 || !isFloat(value)) return all;
    return withGradient([value], () => ({
      value: identity(all),
      gradients: (dy) => [
        asTypeOf(meetings.scattered(place, replicaOf(layout, i), toFloat(dy), counts), value),
      ],
    }));
  });
}

/** For each replica its part of all rows in another order, to be made in the replica's own turn. */
function permuted(
  values: readonly Tensor[],
  order: Tensor,
  meetings: Meetings,
  place: string,
): (() => Tensor)[] {
  const { layout } = meetings;
  const each = order.size / layout.replicas;
  const wanted = (i: number) =>
    layout.replicas === 1 ? order : tf.slice(order, replicaOf(layout, i) * each, each);
  if (!sendsRows(layout)) {
    const all = gathered(values, meetings, place);
    return all.map((rowsOfAll, i) => () => rows(rowsOfAll, wanted(i)));
  }
  const counts = Array.from({ length: layout.replicas }, () => each);
  const taken = sentRows(values, order, layout);
  return values.map((value, i) => {
    const mine = taken[i] ?? value;
    if (!isFloat(value)) return () => mine;
    return () =>
      withGradient([value], () => ({
        value: identity(mine),
        gradients: (dy) => {
          const sums = placedAt(dy, wanted(i), order.size);
          return [asTypeOf(meetings.scattered(place, replicaOf(layout, i), sums, counts), value)];
        },
      }));
  });
}

/** The rows of each replica in another order. What values are made of travels in their place, where that is known. */
function sentRows(values: readonly Tensor[], order: Tensor, layout: Layout): Tensor[] {
  const sources = values.map(sourceOf);
  const known = sources.every((source) => source !== undefined);
  const own = known ? sources.map((source) => source.rows()) : values;
  const mine = permutedRows(concatenated(own), order, layout);
  const pieces = values.length === 1 ? [mine] : tf.split(mine, values.length, 0);
  return pieces.map((piece, i) => (known ? (sources[i]?.make(piece) ?? piece) : piece));
}

/** The sum or the mean, for each replica: its gradient is that of all replicas' gradients. */
function added(values: readonly Tensor[], meetings: Meetings, place: string, mean: boolean) {
  const { layout } = meetings;
  const share = (sum: Tensor) => (mean ? tf.mul(sum, tf.scalar(1 / layout.replicas)) : sum);
  const sum = share(sumOf(values.map(widened), layout));
  return values.map((value, i) => {
    const plain = layout.replicas === 1 && dtypeInGraph(value) === 'float32';
    if (plain || !isFloat(value)) return sum;
    return withGradient([value], () => ({
      value: identity(sum),
      gradients: (dy) => {
        const total = meetings.total(place, replicaOf(layout, i), identity(dy));
        return [asTypeOf(share(total), value)];
      },
    }));
  });
}

/** The first replica's value, for each. */
function sent(values: readonly Tensor[], meetings: Meetings, place: string): Tensor[] {
  const { layout } = meetings;
  const [first] = values;
  if (first === undefined || layout.replicas === 1) return [...values];
  const value = broadcastOf(first, layout);
  return values.map((own, i) => {
    if (!isFloat(own)) return value;
    const replica = replicaOf(layout, i);
    return withGradient([own], () => ({
      value: identity(value),
      gradients: (dy) => {
        const total = meetings.total(place, replica, identity(toFloat(dy)));
        return [replica === 0 ? asTypeOf(identity(total), own) : zerosAfter(total, own)];
      },
    }));
  });
}

/** Zeros that wait for a sum: a process without use for it would leave it out, and the others alone with it. */
function zerosAfter(sum: Tensor, like: Tensor): Tensor {
  const zeros = activeGraph().add('ZerosLike', [unwrap(like)], {}, [unwrap(sum).oper]);
  return wrap({ oper: zeros.oper, index: 0 });
}

/** Sums of narrow floats are made in float32. */
function widened(value: Tensor): Tensor {
  return isFloat(value) ? toFloat(value) : value;
}

function isFloat(value: Tensor): boolean {
  return FLOATS.has(dtypeInGraph(value));
}

const FLOATS: ReadonlySet<string> = new Set(['float32', 'bfloat16', 'float16']);

/** The replica that is the i-th of this process. */
function replicaOf({ replicas, processes, rank }: Layout, i: number): number {
  return (rank * replicas) / processes + i;
}
