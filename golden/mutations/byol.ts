import { inFile, type MutationSet, SHORT } from './mutation.ts';

export const byol: MutationSet = {
  experiment: 'byol',
  set: SHORT,
  mutations: [
    ...inFile('methods/byol.ts', [
      ['momentum of the target + 1e-6', '{ base: momentum, end', '{ base: momentum + 1e-6, end'],
      ['momentum of the target one step ahead', 'step, steps);', 'step + 1, steps);'],
      [
        'shares of old and new exchanged',
        '{ keep, take: 1 - keep }',
        '{ keep: 1 - keep, take: keep }',
      ],
      [
        'target follows the network of before the step',
        ", parameters('online_net')]",
        ", step.parameters('online_net')]",
      ],
      [
        'each view predicts itself',
        'tf.add(distance(p1, t2, reduction), distance(p2, t1, reduction))',
        'tf.add(distance(p1, t1, reduction), distance(p2, t2, reduction))',
      ],
      [
        'loss of one direction, twice',
        'tf.add(distance(p1, t2, reduction), distance(p2, t1, reduction))',
        'tf.mul(distance(p1, t2), tf.scalar(2))',
      ],
      ['loss of half the size', 'tf.scalar(-2)', 'tf.scalar(-1)'],
      ['no predictor for one view', "step.forward('head', z2)", 'z2'],
      [
        'a target by the online network',
        "step.forward('target_net', v2)",
        "step.forward('online_net', v2)",
      ],
      [
        'predictions not scaled to unit length',
        "l2Normalize(step.forward('head', z1))",
        "step.forward('head', z1)",
      ],
      ['predictor begins larger', 'std: spec.predictorStd', 'std: 1.01 * spec.predictorStd'],
    ]),
    ...inFile('harness/optim/target_momentum.ts', [
      [
        'momentum from its end to its beginning',
        '(cos((Math.PI * renewed) / steps) + 1)',
        '(1 - cos((Math.PI * renewed) / steps))',
      ],
      ['a whole cosine in place of half of one', 'Math.PI * renewed', '2 * Math.PI * renewed'],
      ['momentum renewed one step late', '* interval - 1;', '* interval - 2;'],
    ]),
  ],
};
