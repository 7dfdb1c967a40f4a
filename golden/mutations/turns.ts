import { inFile, type MutationSet } from './mutation.ts';

/** Replicas one after another: the same ops as side by side, as TensorFlow runs them, and so the same bits. */
export const turns: MutationSet = {
  experiment: 'replicas one after another',
  tests: ['harness/step/free_replicas.test.ts', 'methods/sequential.test.ts'],
  set: [],
  mutations: [
    ...inFile('harness/engine/graph/turns.ts', [
      [
        'the gradients of a filter and of its bias wait',
        'if (OF_BIAS.test(node.type) && inputs.some((link) => joined.has(valueTaken(link)))) continue;',
        '',
      ],
      [
        'the gradient of a filter waits, that of its bias does not',
        '/^(BiasAddGrad|Conv2DBackpropFilter|Identity)$/',
        '/^(BiasAddGrad|Identity)$/',
      ],
      [
        'what is identical with a value is another one',
        "item.node.type === 'Identity' && first !== undefined",
        'first === undefined',
      ],
      ['a gate of what TensorFlow joins goes', 'if (!stays) return', 'if (true) return'],
      [
        'an input becomes the first one',
        '{ oper: gate, index: 0 }, index)',
        '{ oper: gate, index: 0 }, 0)',
      ],
      ['a gate of another value', 'gates.get(key) ??', '[...gates.values()][0] ??'],
    ]),
  ],
};
