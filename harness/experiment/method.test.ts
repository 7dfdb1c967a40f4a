import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startEngine } from '../engine/index.ts';
import { detached, type Tensor, tf } from '../engine/tf.ts';
import { sequential } from '../nn/module.ts';
import { neck } from '../nn/necks.ts';
import { smallLearner } from '../testing/method_suite.ts';
import { defineMethod, type Step } from './method.ts';

const head = { kind: 'linear', out: 4 } as const;

/** An encoder and a predictor, with a prefix of the backbone and a loss that may be wrong. */
const learn = (backbone: string, loss: (step: Step) => Tensor) => {
  const method = defineMethod<Record<string, never>>({
    kind: 'two',
    schema: z.strictObject({}),
    views: 1,
    model: (_, { module, channels }) => ({
      networks: {
        encoder: sequential([module, neck(head, channels)]),
        predictor: neck(head, head.out),
      },
      backbone,
    }),
    loss(_, step) {
      return { loss: loss(step) };
    },
  });
  smallLearner({ method, spec: { kind: 'two' } }).dispose();
};

const encoded = (step: Step) => step.forward('encoder', step.view(0));
const predicted = (step: Step) => tf.mean(step.forward('predictor', encoded(step)));

describe('a method with a mistake in it', () => {
  beforeAll(startEngine);

  it('trains when it has none', () => {
    expect(() => learn('encoder.0.', predicted)).not.toThrow();
  });

  it.each(['network.0.', 'encoder.', 'encoder.1.', 'predictor.'])(
    'hears that no backbone lies under %s',
    (prefix) => {
      expect(() => learn(prefix, predicted)).toThrow(
        `no backbone lies under backbone '${prefix}'; networks: encoder, predictor`,
      );
    },
  );

  it('hears which networks there are', () => {
    const loss = (step: Step) => tf.mean(step.forward('predicter', encoded(step)));
    expect(() => learn('encoder.0.', loss)).toThrow(
      "no network 'predicter'; model has encoder, predictor",
    );
  });

  it.each([
    ['a network that it never applies', (step: Step) => tf.mean(encoded(step))],
    [
      'one that is detached from the loss',
      (step: Step) => tf.mean(step.forward('predictor', detached(encoded(step)))),
    ],
  ])('hears of %s', (_, loss) => {
    expect(() => learn('encoder.0.', loss)).toThrow('the loss does not depend on some parameters');
  });
});
