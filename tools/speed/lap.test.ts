import { expect, test } from 'vitest';
import { ofRun, ofTurn } from './lap.ts';

const laps = [10, 20, 60].map((step) => ({
  step,
  session: step / 2,
  waited: step / 10,
  cpu: step,
}));

test('a run has the median of its steps', () => {
  expect(ofRun(laps, { batch: 8, works: false, loop: false })).toEqual({
    step_ms: 20,
    session_ms: 10,
    cpu_ms: 20,
    images_per_second: 400,
  });
});

test('a loop, and a method that works between steps, has the mean', () => {
  const mean = { step_ms: 30, session_ms: 15, cpu_ms: 30, images_per_second: 266.667 };
  expect(ofRun(laps, { batch: 8, works: true, loop: false })).toEqual(mean);
  expect(ofRun(laps, { batch: 8, works: false, loop: true })).toEqual({ ...mean, data_ms: 3 });
});

test('a turn has the mean', () => {
  expect(ofTurn(laps)).toEqual({ step_ms: 30, session_ms: 15 });
});
