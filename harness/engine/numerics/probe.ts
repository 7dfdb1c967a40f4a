import { sha256 } from '../../base/hash.ts';
import { bytesOf, type HostArray } from '../array.ts';
import { mayRun } from '../graph/audit.ts';
import { native } from '../native/capi.ts';
import { castTo, identity, op } from '../op.ts';
import { blended, plusScaled, rectified, rectifiedSlope } from '../ops/passes.ts';
import { Program } from '../program.ts';
import type { SessionOptions } from '../session.ts';
import { type Tensor, tf } from '../tf.ts';
import { bf16Here } from './bf16.ts';
import type { Case, Step } from './case.ts';
import { CASES } from './cases.ts';
import { valuesOf } from './values.ts';

/** What one case gave. */
export interface ProbeResult {
  readonly name: string;
  readonly precision: 'fp32' | 'bf16';
  /** Over the bytes of its results, one after the other. */
  readonly sha256: string;
}

/** Of which cores the probe may take; as the program's that follows, if it is the first of its process. */
export type ProbeOptions = Pick<SessionOptions, 'intraThreads' | 'interThreads'>;

type Tensors = Map<string, Tensor>;

/** Results of so many cases lie in memory together. */
const TOGETHER = 24;

const PASSES: Readonly<Record<string, (...inputs: readonly Tensor[]) => Tensor>> = {
  blended: (a, keep, b, take) => blended(given(a), given(keep), given(b), given(take)),
  plusScaled: (a, b, factor) => plusScaled(given(a), given(b), given(factor)),
  rectified: (x) => rectified(given(x)),
  rectifiedSlope: (dy, y) => rectifiedSlope(given(dy), given(y)),
};

/**
 * Runs every case that can be run here, in a program of its own that leaves nothing behind: what follows in this
 * process computes as it would have without. Needs the lanes of the process to be set, as any program does.
 * @returns in the order of the cases; those of bf16 are left out where it cannot be computed
 */
export async function probe(options: ProbeOptions = {}): Promise<readonly ProbeResult[]> {
  const found: ProbeResult[] = [];
  const cases = runnable();
  const program = new Program(options);
  try {
    for (let from = 0; from < cases.length; from += TOGETHER)
      found.push(...(await run(program, String(from), cases.slice(from, from + TOGETHER))));
  } finally {
    program.dispose();
  }
  return found;
}

/** The cases that this process can compute: some kernels are for CPUs only, bf16 is not for every CPU. */
export function runnable(): readonly Case[] {
  const { device } = native().library;
  const narrow = bf16Here();
  return CASES.filter(
    ({ precision, steps }) =>
      (precision === 'fp32' || narrow) &&
      Object.values(steps).every(({ type }) => type in PASSES || mayRun(type, device)),
  );
}

async function run(program: Program, entry: string, cases: readonly Case[]) {
  const feeds = cases.flatMap((one, i) => feedsOf(one, i));
  program.entry(entry, {
    inputs: Object.fromEntries(feeds),
    build: ({ inputs }) =>
      Object.fromEntries(
        cases.flatMap((one, i) => traced(one, (name) => inputs[`${i}.${name}`], i)),
      ),
  });
  const data = feeds.map(([name, value]) => [name, value.data] as const);
  const results = await program.run(entry, Object.fromEntries(data));
  return cases.map(({ name, precision, results: wanted }, i) => ({
    name,
    precision,
    sha256: sha256(wanted.map((result) => bytesOf(arrayOf(results[`${i}.${result}`]).data))),
  }));
}

/** What a case is fed: as placeholders, so that TensorFlow computes nothing of it beforehand. */
function feedsOf(one: Case, index: number): (readonly [string, HostArray])[] {
  return Object.entries(one.inputs).flatMap(([name, input]) =>
    input.kind === 'integer' || input.kind === 'integers'
      ? []
      : [[`${index}.${name}`, valuesOf(`${one.name}/${name}`, input)] as const],
  );
}

function traced(one: Case, fed: (name: string) => Tensor | undefined, index: number) {
  const known: Tensors = new Map();
  for (const [name, input] of Object.entries(one.inputs)) {
    if (input.kind === 'integer') known.set(name, tf.scalar(input.value, 'int32'));
    else if (input.kind === 'integers') known.set(name, tf.tensor1d([...input.values], 'int32'));
    else {
      const narrow = one.precision === 'bf16' && input.kind === 'normal';
      known.set(name, narrow ? castTo(given(fed(name)), 'bfloat16') : given(fed(name)));
    }
  }
  for (const [name, step] of Object.entries(one.steps))
    for (const [i, value] of made(step, known).entries()) {
      known.set(`${name}:${i}`, value);
      if (i === 0) known.set(name, value);
    }
  return one.results.map((name) => [`${index}.${name}`, identity(given(known.get(name)))] as const);
}

function made({ type, of, attrs = {}, outputs = 1 }: Step, known: Tensors): Tensor[] {
  const inputs = of.map((name) => given(known.get(name)));
  const pass = PASSES[type];
  return pass === undefined ? op(type, inputs, attrs, outputs) : [pass(...inputs)];
}

function given(tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('numerics: a case takes what nothing of it makes');
  return tensor;
}

function arrayOf(array: HostArray | undefined): HostArray {
  if (array === undefined) throw new Error('numerics: a case has no such result');
  return array;
}
