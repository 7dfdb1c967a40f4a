import { describe, expect, it } from 'vitest';
import { type DetectionSpec, detections, restored, restoredMasks } from './detections.ts';

const spec: DetectionSpec = {
  scoreThreshold: 0.05,
  nmsThreshold: 0.5,
  most: 100,
  coderWeights: [10, 10, 5, 5],
};
const none = (regions: number, classes = 2) => new Float32Array(regions * classes * 4);
const square = [0, 0, 10, 10];
const size = [30, 40] as const;

// By hand, from docs/reference/detection.md, section 11.
describe('detections of one image', () => {
  it('have scores above the bound, of all classes but the background, by falling score', () => {
    const probabilities = Float32Array.of(0.05, 0.15, 0.8, 0.3, 0.06, 0.64);
    const regions = Float32Array.of(...square, 20, 0, 30, 10);
    const found = detections(probabilities, none(2), regions, size, spec);
    expect([...found.classes]).toEqual([0, 1, 1]);
    expect([...found.scores]).toEqual([0.3, 0.15, 0.06].map(Math.fround));
    expect([...found.boxes]).toEqual([20, 0, 30, 10, ...square, 20, 0, 30, 10]);
  });

  it('are suppressed within their class alone, and cut after that', () => {
    const regions = Float32Array.of(...square, 0, 0, 10, 9, 20, 0, 30, 10);
    const probabilities = Float32Array.of(0.9, 0.1, 0, 0.8, 0, 0.2, 0.7, 0, 0.3);
    const of = (most: number) =>
      detections(probabilities, none(3), regions, size, { ...spec, most });
    expect([...of(100).scores]).toEqual([0.9, 0.7, 0.1].map(Math.fround));
    expect([...of(100).classes]).toEqual([0, 0, 1]);
    expect([...of(2).scores]).toEqual([0.9, 0.7].map(Math.fround));
  });

  it('are moved by what their class says, over the weights, and clipped to the unpadded image', () => {
    const deltas = none(1);
    deltas.set([10, -5, 5 * Math.log(2), 0], 4); // of the second class: a width to the right, half a height up
    const probabilities = Float32Array.of(0.5, 0.4, 0.1);
    const region = Float32Array.of(...square);
    const found = detections(probabilities, deltas, region, [30, 22], spec);
    expect([...found.boxes].map((x) => Math.round(x * 1e4) / 1e4)).toEqual([
      ...square,
      ...[5, 0, 22, 5],
    ]);
  });

  it('do not come from rows that are not finite', () => {
    const probabilities = Float32Array.of(0.5, 0.4, 0.1, Number.NaN, 0.9, 0.1, 0.6, 0.2, 0.2);
    const deltas = none(3);
    deltas[16] = Number.POSITIVE_INFINITY;
    const regions = Float32Array.of(...square, ...square, 20, 0, 30, 10);
    const found = detections(probabilities, deltas, regions, size, spec);
    expect([...found.scores]).toEqual([0.5, 0.4].map(Math.fround));
  });
});

describe('detections in the original image', () => {
  const boxes = Float32Array.of(0, 0, 10, 30, 40, 0, 45, 30, 12, 6, 18, 12);
  const left = restored(boxes, [30, 40], [60, 20]);

  it('are stretched on each axis by itself, and empty ones are dropped', () => {
    expect([...left.places]).toEqual([0, 2]);
    expect([...left.boxes]).toEqual([0, 0, 5, 60, 6, 12, 9, 24]);
  });

  it('keep their own masks', () => {
    const seen = (...masks: number[]) =>
      restoredMasks(Float32Array.from(masks), 1, left, [60, 20]).map(({ data }) =>
        data.includes(1),
      );
    expect(seen(1, 1, 0)).toEqual([true, false]);
    expect(seen(0, 1, 1)).toEqual([false, true]);
  });
});
