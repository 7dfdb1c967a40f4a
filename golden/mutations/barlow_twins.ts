import { inFile, type MutationSet, SHORT } from './mutation.ts';

export const barlowTwins: MutationSet = {
  experiment: 'barlow-twins',
  set: SHORT,
  mutations: inFile('methods/barlow_twins.ts', [
    ['lambda + 1e-6', 'tf.scalar(spec.offDiagonal)', 'tf.scalar(spec.offDiagonal + 1e-6)'],
    ['features not centred', 'tf.sub(z, tf.mean(z, 0))', 'z'],
    [
      'variance over one image too few',
      'tf.mean(tf.square(centred), 0)',
      'tf.div(tf.sum(tf.square(centred), 0), tf.scalar((z.shape[0] ?? 2) - 1))',
    ],
    ['another epsilon', 'tf.scalar(1e-5)', 'tf.scalar(1.1e-5)'],
    ['variance in place of deviation', 'tf.sqrt(tf.add(variance', 'tf.abs(tf.add(variance'],
    ['a view with itself', 'tf.matMul(a, b, true)', 'tf.matMul(a, a, true)'],
    [
      'correlation over one image too few',
      'tf.matMul(a, b, true), tf.scalar(count)',
      'tf.matMul(a, b, true), tf.scalar(count - 1)',
    ],
    ['diagonal drawn to 0', 'tf.sub(diagonal, tf.scalar(1))', 'diagonal'],
    [
      'diagonal left in what is off it',
      'tf.sub(tf.sum(tf.square(c)), tf.sum(tf.square(diagonal)))',
      'tf.sum(tf.square(c))',
    ],
    ['loss without its factor', 'tf.scalar(spec.scale)', 'tf.scalar(1)'],
    ['the same view twice', 'step.view(1)', 'step.view(0)'],
  ]),
};
