import { inFile, type MutationSet, SHORT } from './mutation.ts';

/** A momentum other than 1/2, with which the shares of old and new could be exchanged unseen. */
export const npid: MutationSet = {
  experiment: 'npid',
  set: [...SHORT, 'method.negatives=32', 'method.memoryMomentum=0.25'],
  mutations: [
    ...inFile('methods/npid.ts', [
      ['temperature + 1e-6', 'drawn, spec.temperature)', 'drawn, spec.temperature + 1e-6)'],
      ['momentum of the memory + 1e-6', 'spec.memoryMomentum)', 'spec.memoryMomentum + 1e-6)'],
      [
        'positive of the next image',
        'bank.rows(step.indices)',
        "bank.rows(tf.mod(tf.add(step.indices, tf.scalar(1, 'int32')), tf.scalar(bank.count, 'int32')))",
      ],
      ['positive from this step, not from memory', 'bank.rows(step.indices)', 'f'],
      ['features not scaled to unit length', 'l2Normalize(feature)', 'feature'],
      ['own row may be a negative', 'tf.greaterEqual(other, own)', 'tf.greater(other, own)'],
      ['last row is never drawn', 'Math.max(1, samples - 1)', 'Math.max(1, samples - 2)'],
      ['negatives of another name', "step.chance('negatives'", "step.chance('negative'"],
      ['memory never changes', 'replaceAt(at, rows)', 'replaceAt(at, bank.rows(at))'],
      [
        'memory written in another order',
        'replaceAt(at, rows)',
        'replaceAt(at, tf.reverse(rows, 0))',
      ],
    ]),
    ...inFile('harness/nn/bank.ts', [
      ['old features keep the share of new ones', 'tf.scalar(1 - momentum)', 'tf.scalar(momentum)'],
      [
        'rows of the memory not scaled to unit length',
        "l2Normalize(op1('AddV2', [keep, take]))",
        "op1('AddV2', [keep, take])",
      ],
    ]),
    ...inFile('harness/nn/sampled.ts', [
      ['negatives of another image', '(_, i) => i * size', '(_, i) => (count - 1 - i) * size'],
    ]),
    ...inFile('harness/nn/contrast.ts', [
      [
        'gradient of the wrong sign',
        "op1('Sub', [weighted(shares), key])",
        "op1('Sub', [key, weighted(shares)])",
      ],
    ]),
    ...inFile('harness/engine/ops/draws.ts', [
      ['row 0 is never drawn', 'wide(0), wide(count)', 'wide(1), wide(count)'],
    ]),
    ...inFile('harness/step/towers.ts', [
      [
        'random values that are the same in every step',
        "op1('BitwiseXor', [chance, ",
        "op1('BitwiseXor', [op1('ZerosLike', [chance]), ",
      ],
    ]),
  ],
};
