import { inFile, type MutationSet, SHORT } from './mutation.ts';

export const moco: MutationSet = {
  experiment: 'moco',
  set: SHORT,
  mutations: [
    ...inFile('methods/moco.ts', [
      ['temperature + 1e-6', 'queue, spec.temperature)', 'queue, spec.temperature + 1e-6)'],
      ['momentum of the key encoder + 1e-6', 'spec.momentum),', 'spec.momentum + 1e-6),'],
      [
        'query and key views swapped',
        "step.forward('encoder_q', step.view(0))",
        "step.forward('encoder_q', step.view(1))",
      ],
      [
        'both encoders see the same view',
        'yield* permute(step.view(1), order)',
        'yield* permute(step.view(0), order)',
      ],
      [
        'keys not brought back to their order',
        'inverse(order)); // [R N, D]',
        'order); // [R N, D]',
      ],
      [
        'keys not shuffled',
        "const order = step.draw('shuffle');",
        "const order = tf.range(0, step.draw('shuffle').shape[0] ?? 0, 1, 'int32');",
      ],
      [
        'pointer of the queue one off',
        "tf.add(pointer, tf.scalar(count, 'int32'))",
        "tf.add(pointer, tf.scalar(count - 1, 'int32'))",
      ],
      [
        'keys written over the wrong rows',
        'queue: replaceRows(pointer, keys)',
        "queue: replaceRows(tf.mod(tf.add(pointer, tf.scalar(1, 'int32')), tf.scalar(64, 'int32')), keys)",
      ],
      ['queue never changes', 'queue: replaceRows(pointer, keys)', 'queue'],
      [
        'queries not scaled to unit length',
        "const q = l2Normalize(step.forward('encoder_q', step.view(0)));",
        "const q = step.forward('encoder_q', step.view(0));",
      ],
      [
        'keys not scaled to unit length',
        "const encoded = l2Normalize(step.forward('encoder_k', shuffled, encoder_k));",
        "const encoded = step.forward('encoder_k', shuffled, encoder_k);",
      ],
      [
        'key encoder moves after it encodes',
        "step.forward('encoder_k', shuffled, encoder_k)",
        "step.forward('encoder_k', shuffled, step.parameters('encoder_k'))",
      ],
      [
        'queue begins with rows of any length',
        'initial: (stream) => unitRows(stream, spec.queue, spec.neck.out)',
        "initial: (stream) => { const rows = unitRows(stream, spec.queue, spec.neck.out); return hostArray('float32', rows.shape, Float32Array.from(rows.data as Float32Array, (x) => 1.01 * x)); }",
      ],
    ]),
    ...inFile('harness/nn/contrast.ts', [
      [
        'gradient of the contrast of the wrong sign',
        "op1('Sub', [weighted(shares), key])",
        "op1('Sub', [key, weighted(shares)])",
      ],
      [
        'gradient without the temperature',
        "op1('Mul', [op1('Mul', [dy, op1('Sigmoid', [margin])]), inverse])",
        "op1('Mul', [dy, op1('Sigmoid', [margin])])",
      ],
      [
        'positive counted twice',
        "const margin = op1('Sub', [lse, positive]); // [N, 1]",
        "const margin = op1('Sub', [op1('Softplus', [lse]), positive]); // [N, 1]",
      ],
      [
        'accuracy against the mean of negatives',
        'tf.greater(positive, largest)',
        'tf.greater(positive, tf.mean(negative, 1, true))',
      ],
    ]),
    ...inFile('harness/nn/follow.ts', [
      [
        'follower and leader swapped',
        'blended(old, keep, next, take)',
        'blended(next, keep, old, take)',
      ],
    ]),
  ],
};
