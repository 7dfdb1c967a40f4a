import { expect, test } from 'vitest';
import { differences, theirSide } from './comparison.ts';

test('losses are compared at the steps that both have', () => {
  const ours = [
    { step: 0, loss: 2 },
    { step: 1, loss: 3 },
    { step: 2, loss: 5 },
  ];
  const theirs = [
    { step: 0, loss: 2.5 },
    { step: 2, loss: 4 },
    { step: 2, knn_top1: 30 },
    { step: 3, loss: 1 },
  ];
  expect(differences(ours, theirs)).toEqual([0.2, 0.25]);
});

test('lines become means of whole epochs, and the k-NN after each', () => {
  const lines = [
    { step: 0, knn_top1: 20 },
    ...[1, 3, 5, 7, 9].map((loss, step) => ({ step, loss })),
    { step: 2, knn_top1: 30 },
    { step: Number.NaN, compared: 5 },
  ];
  expect(theirSide(lines, 2)).toEqual({
    loss: [
      { epoch: 1, value: 2 },
      { epoch: 2, value: 6 },
    ],
    knn: [
      { epoch: 0, value: 20 },
      { epoch: 1, value: 30 },
    ],
  });
});
