import { inFile, type MutationSet, SHORT } from './mutation.ts';

const view = [{ kind: 'randomCrop', padding: 4 }, { kind: 'flip' }, { kind: 'lighting' }];
const optimizer = { kind: 'sgd', lr: 0.05, momentum: 0.9, weightDecay: 5e-4 };
const schedule = {
  kind: 'step',
  milestones: [1],
  gamma: 0.1,
  warmup: { iterations: 2, ratio: 0.01, kind: 'exp' },
};

/**
 * With what no other set has: padded crops, Nesterov's step, a bound of the gradient, two micro-steps,
 * and a probe that has learnt enough to tell.
 */
export const supervised: MutationSet = {
  experiment: 'supervised',
  set: [
    ...SHORT,
    ...['evaluation.test.count=256', 'evaluation.linear.epochs=8'],
    ...['batch=32', 'accumulate=2', `data.pipelines=${JSON.stringify([view])}`],
    `optimizer=${JSON.stringify({ ...optimizer, nesterov: true, gradClip: 0.1 })}`,
    `schedule=${JSON.stringify(schedule)}`,
  ],
  mutations: [
    ...inFile('harness/step/step_inputs.ts', [
      ['labels of other images', 'inputs.labels = labels;', 'inputs.labels = labels.toReversed();'],
    ]),
    ...inFile('methods/supervised.ts', [
      ['head begins larger', 'std: initStd }', 'std: 1.01 * initStd }'],
    ]),
    ...inFile('harness/data/images/pipeline.ts', [
      ['padding on one side', 'length + 2 * padding - size', 'length + padding - size'],
      [
        'crops one pixel off',
        'stream.int(0, free(width)) - padding',
        'stream.int(0, free(width)) - padding + 1',
      ],
      [
        'lighting a little stronger',
        'value * stream.normal() * std',
        'value * stream.normal() * std * 1.1',
      ],
    ]),
    ...inFile('harness/data/sources/generated.ts', [
      ['labels one off', '(_, index) => index % classes)', '(_, index) => (index + 1) % classes)'],
    ]),
    ...inFile('harness/optim/descend.ts', [
      [
        'Nesterov looks ahead with the old velocity',
        'tf.mul(velocity, momentum)',
        'tf.mul(io.read(state), momentum)',
      ],
    ]),
    ...inFile('harness/optim/clip.ts', [
      ['bound of the gradient + 1e-6', 'tf.scalar(limit)', 'tf.scalar(limit + 1e-6)'],
      ['gradient not bounded', 'tf.minimum(tf.div', 'tf.maximum(tf.div'],
    ]),
    ...inFile('harness/optim/schedule.ts', [
      ['milestones one epoch late', 'milestone <= now', 'milestone < now'],
      ['gamma + 1e-6', 'rate * spec.gamma', 'rate * (spec.gamma + 1e-6)'],
    ]),
    ...inFile('harness/step/plan.ts', [
      ['an update one micro-step early', '(step + 1) % accumulate', 'step % accumulate'],
    ]),
    ...inFile('harness/step/step.ts', [
      ['micro-steps summed, not averaged', 'tf.scalar(1 / accumulate)', 'tf.scalar(1)'],
      [
        'sums of micro-steps never emptied',
        'tf.zerosLike(this.io.read(accumulatorState(name)))',
        'this.io.read(accumulatorState(name))',
      ],
    ]),
    ...inFile('harness/evaluation/classifier_judge.ts', [
      ['the two best count', '_top1`]: share(1)', '_top1`]: share(2)'],
    ]),
    ...inFile('harness/evaluation/linear.ts', [
      ['probe on features that are not centred', '(x - (scale.mean[i % width] ?? 0)) *', 'x *'],
      [
        'probe begins elsewhere',
        "stream(seed, 'linear', 'init')",
        "stream(seed + 1, 'linear', 'init')",
      ],
    ]),
  ],
};
