import { expect, test } from 'vitest';
import { at } from './origin.ts';

function placeOf(...frames: readonly string[]): string {
  const origin = new Error('made here');
  origin.stack = ['Error: made here', ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return at(origin);
}

test('the first frame outside the engine and its packages', () => {
  expect(
    placeOf(
      'captureOrigin (/here/harness/engine/graph/origin.ts:12:18)',
      'ENGINE.runKernel (/here/node_modules/@tensorflow/tfjs-core/dist/engine.js:400:5)',
      'node:internal/process:1:1',
      'loss (file:///here/methods/moco.ts:81:20)',
      'trace (/here/harness/step/step.ts:5:6)',
    ),
  ).toBe('at /here/methods/moco.ts:81:20');
});

// Source maps name files that the package does not have.
test('frames of tfjs by its source maps are no user code', () => {
  expect(
    placeOf(
      'matMul_ (/here/tfjs-core/src/ops/mat_mul.ts:71:17)',
      'classifier (/here/harness/nn/heads.ts:47:18)',
    ),
  ).toBe('at /here/harness/nn/heads.ts:47:18');
});

test('the last frame where there is no other', () => {
  expect(placeOf('run (/here/harness/engine/tf.ts:3:4)')).toBe('at /here/harness/engine/tf.ts:3:4');
  expect(placeOf()).toBe('at an unknown line');
});
