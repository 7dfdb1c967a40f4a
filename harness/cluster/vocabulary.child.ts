import type { TypedArray } from '../engine/array.ts';
import { withGradient } from '../engine/gradient.ts';
import { castTo, identity } from '../engine/op.ts';
import { Program, type TensorSpec } from '../engine/program.ts';
import type { Server } from '../engine/server.ts';
import { detached, type Scalar, type Tensor, tf } from '../engine/tf.ts';
import type { TestPlace } from '../testing/processes/processes.ts';
import { serve } from '../testing/processes/serve.ts';
import { type Layout, ownReplicas } from './layout.ts';
import { Meetings } from './meetings.ts';
import {
  broadcast,
  gather,
  meanOverReplicas,
  permute,
  type Replica,
  runReplicas,
  sumOverReplicas,
} from './replicas.ts';
import {
  type Case,
  FLOATS,
  handedIn,
  orderOf,
  resultShape,
  upstream,
} from './vocabulary.fixture.ts';

/** `yR` is what replica R got, `dxR` the gradient of what it handed in. */
export type Found = Readonly<Record<string, Float32Array>>;

/** Of some cases, what the replicas of this process found, case by case. All are in one run: a graph costs more than a case. */
async function findAll(
  cases: readonly Case[],
  { rank, servers }: TestPlace,
  server: Server | undefined,
): Promise<Found[]> {
  const program = new Program(server === undefined ? {} : { server });
  const layouts = cases.map(({ replicas }) => ({ replicas, processes: servers.length, rank }));
  const inputs = cases.map((one, i) => inputsOf(one, ownReplicas(layouts[i] ?? NOWHERE)));
  const named = <T>(lists: readonly Readonly<Record<string, T>>[]) =>
    Object.fromEntries(
      lists.flatMap((list, i) =>
        Object.entries(list).map(([name, value]) => [`${i}.${name}`, value] as const),
      ),
    );
  try {
    program.entry('all', {
      inputs: named(inputs.map((list) => list.specs)),
      build: (io) =>
        named(
          cases.map((one, i) =>
            trace(one, layouts[i] ?? NOWHERE, (name) => at(io.inputs, `${i}.${name}`)),
          ),
        ),
    });
    const outputs = await program.run('all', named(inputs.map((list) => list.values)));
    return cases.map((_, i) =>
      Object.fromEntries(
        Object.entries(outputs).flatMap(([name, { data }]) =>
          name.startsWith(`${i}.`) ? [[name.slice(`${i}.`.length), data as Float32Array]] : [],
        ),
      ),
    );
  } finally {
    program.dispose();
  }
}

const NOWHERE: Layout = { replicas: 0, processes: 1, rank: 0 };

function inputsOf(one: Case, own: readonly number[]) {
  const order = orderOf(one);
  const specs: Record<string, TensorSpec> = { order: { dtype: 'int32', shape: [order.length] } };
  const values: Record<string, TypedArray> = { order };
  for (const r of own) {
    specs[`x${r}`] = { dtype: 'float32', shape: one.shape };
    specs[`dy${r}`] = { dtype: 'float32', shape: resultShape(one) };
    values[`x${r}`] = handedIn(one, r);
    values[`dy${r}`] = upstream(one, r);
  }
  return { specs, values };
}

/** What each own replica gets, and the gradient of what it handed in. */
function trace(one: Case, layout: Layout, input: (name: string) => Tensor): Record<string, Tensor> {
  const own = ownReplicas(layout);
  const meetings = new Meetings(layout);
  let results: readonly Tensor[] = [];
  const loss = (...handed: Tensor[]) => {
    const parts = handed.map((x) => said(one, x, input('order')));
    results = runReplicas(parts, meetings).map(({ y }) => cast(y, 'float32'));
    const products = results.map((y, i) => tf.mul(y, input(`dy${own[i]}`)));
    return tf.sum<Scalar>(tf.stack(products));
  };
  const variables = own.map((r) => detached(input(`x${r}`)));
  const gradients = FLOATS.has(one.dtype) ? tf.grads(loss)(variables) : [];
  if (gradients.length === 0) loss(...variables);
  meetings.close();
  return Object.fromEntries([
    ...results.map((y, i) => [`y${own[i]}`, tf.mul(y, 1)] as const),
    ...gradients.map((dx, i) => [`dx${own[i]}`, tf.mul(dx, 1)] as const),
  ]);
}

function* said({ word, dtype }: Case, x: Tensor, order: Tensor): Replica<{ y: Tensor }> {
  const value = cast(x, dtype);
  switch (word) {
    case 'sum':
      return { y: yield* sumOverReplicas(value) };
    case 'mean':
      return { y: yield* meanOverReplicas(value) };
    case 'gather':
      return { y: yield* gather(value) };
    case 'broadcast':
      return { y: yield* broadcast(value) };
    case 'permute':
      return { y: yield* permute(value, order) };
  }
}

/** As `castTo`, with a gradient. */
function cast(x: Tensor, dtype: Case['dtype']): Tensor {
  if (!FLOATS.has(dtype)) return castTo(x, dtype);
  return withGradient([x], () => ({
    value: identity(castTo(x, dtype)),
    gradients: (dy) => [identity(castTo(dy, 'float32'))],
  }));
}

function at(tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`no input ${name}`);
  return tensor;
}

await serve(findAll);
