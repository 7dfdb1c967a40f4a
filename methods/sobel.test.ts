import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { frozenClassifier } from '../harness/evaluation/frozen_model.ts';
import { bindMethod } from '../harness/experiment/bind.ts';
import { NO_DATA } from '../harness/experiment/method.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { advance, batchOf, type SmallRun, withLearner } from '../harness/testing/method_suite.ts';
import { smallBackbone } from '../harness/testing/small_backbone.ts';
import { deepcluster } from './deepcluster.ts';
import { methods } from './index.ts';
import { odc, odcSpec } from './odc.ts';
import { small } from './supervised.recipes.ts';
import { supervised } from './supervised.ts';

beforeAll(startEngine);

const neck = { ...odcSpec.parse({}).neck, hidden: [8], out: 6, dropout: 0 };
const runs: readonly (readonly [string, SmallRun])[] = [
  ['odc', { method: odc, spec: { kind: 'odc', sobel: true, neck, clusters: 4, minCluster: 1 } }],
  ['supervised', { method: supervised, spec: { kind: 'supervised', sobel: true, classes: 2 } }],
  ['deepcluster', { method: deepcluster, spec: { kind: 'deepcluster', clusters: 5, pca: 8 } }],
];

const SIZE = 16;
const ACROSS = [
  [1, 0, -1],
  [2, 0, -2],
  [1, 0, -1],
] as const;

/** Edges of the first image of a batch, pixel by pixel: its columns, then its rows; zeros around it. */
function slowEdges(pixels: Uint8Array, y: number, x: number): number[] {
  const grey = (i: number, j: number) => {
    if (i < 0 || j < 0 || i >= SIZE || j >= SIZE) return 0;
    const at = 3 * (i * SIZE + j);
    const channels = [0, 1, 2].map((c) => ((pixels[at + c] ?? 0) / 255 - 0.5) / 0.25);
    return channels.reduce((a, b) => a + b, 0) / 3;
  };
  const sum = (weight: (a: number, b: number) => number) =>
    [0, 1, 2].flatMap((a) => [0, 1, 2].map((b) => weight(a, b) * grey(y + a - 1, x + b - 1)));
  const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  return [total(sum((a, b) => ACROSS[a]?.[b] ?? 0)), total(sum((a, b) => ACROSS[b]?.[a] ?? 0))];
}

describe('the backbone sees edges', () => {
  it.each(runs)('in %s', async (_, run) => {
    await withLearner(
      run,
      async (learner) => {
        const [outputs = {}] = await advance(learner, 0, 1);
        const edges = outputs['out.sobel_layer'];
        expect(edges?.shape).toEqual([4, SIZE, SIZE, 2]);
        const [view = new Uint8Array()] = batchOf(learner, 0).views;
        for (const [y, x] of [
          [0, 0],
          [7, 3],
          [15, 9],
        ] as const) {
          const at = 2 * (y * SIZE + x);
          const expected = slowEdges(Uint8Array.from(view), y, x);
          expect(Number(edges?.data[at])).toBeCloseTo(expected[0] ?? 0, 4);
          expect(Number(edges?.data[at + 1])).toBeCloseTo(expected[1] ?? 0, 4);
        }
        const gradient = outputs['grad.backbone.conv1.weight'];
        expect(gradient?.shape).toContain(2);
        expect([...(gradient?.data ?? [])].some((value) => value !== 0)).toBe(true);
      },
      { observe: true },
    );
  });

  it('in the evaluation of a classifier too', () => {
    const bound = supervised.bind({ kind: 'supervised', sobel: true, classes: 2 });
    const model = bound.model(smallBackbone('batch', bound.channels), NO_DATA);
    const frozen = frozenClassifier(model, bound.channels);
    const stages = frozen?.front.stages.map(({ prefix }) => prefix);
    expect(stages).toEqual(['sobel_layer.', 'backbone.', 'head.']);
    expect(frozen?.front.channels).toBe(3);
  });

  it('which has two channels, as the experiment must say', () => {
    const experiment = (channels?: number) =>
      parseExperiment(
        {
          ...small,
          method: { ...small.method, sobel: true },
          backbone: { ...small.backbone, ...(channels === undefined ? {} : { channels }) },
        },
        methods,
      );
    expect(() => bindMethod(experiment(), methods)).toThrow(
      'backbone.channels: found 3, expected 2',
    );
    expect(bindMethod(experiment(2), methods).kind).toBe('supervised');
  });
});
