import { beforeAll, expect, it } from 'vitest';
import type { HostArray } from '../harness/engine/array.ts';
import { startEngine } from '../harness/engine/index.ts';
import { advance, type SmallRun, scalarOf, withLearner } from '../harness/testing/method_suite.ts';
import { plainMonitors, unitRowsOf } from '../harness/testing/plain_monitors.ts';
import { barlowTwins } from './barlow_twins.ts';
import { deepcluster } from './deepcluster.ts';
import { npid } from './npid.ts';
import { odc, odcSpec } from './odc.ts';
import { relativeLoc, relativeLocSpec } from './relative_loc.ts';
import { rotation } from './rotation.ts';
import { supervised } from './supervised.ts';

beforeAll(startEngine);

type Found = Readonly<Record<string, HostArray>>;

function rowsOf(outputs: Found, name: string): number[][] {
  const array = outputs[name];
  if (array === undefined) throw new Error(`no output '${name}'`);
  return unitRowsOf(array);
}

/** The first step of two replicas, with what it names, and the state before it. */
function firstStep(run: SmallRun, state: readonly string[] = []) {
  return withLearner(
    { ...run, replicas: 2 },
    async (learner) => {
      const before: Record<string, HostArray> = {};
      for (const name of state) before[name] = await learner.program.readState(name);
      const [outputs = {}] = await advance(learner, 0, 1);
      return { outputs, before };
    },
    { observe: true },
  );
}

type Monitor = keyof ReturnType<typeof plainMonitors>;

function expectMean(outputs: Found, name: Monitor, parts: readonly Record<Monitor, number>[]) {
  const mean = parts.reduce((sum, part) => sum + part[name], 0) / parts.length;
  expect(scalarOf(outputs, name), name).toBeCloseTo(mean, 5);
}

const ODC = { ...odcSpec.parse({}).neck, hidden: [8], out: 6 };

it.each<[string, SmallRun, string]>([
  ['rotation', { method: rotation, spec: { kind: 'rotation' } }, 'backbone'],
  ['supervised', { method: supervised, spec: { kind: 'supervised', classes: 2 } }, 'backbone'],
  [
    'relative_loc: the outer patches',
    {
      method: relativeLoc,
      spec: { kind: 'relative_loc', neck: { ...relativeLocSpec.parse({}).neck, out: 8 } },
    },
    'backbone',
  ],
  [
    'odc: the neck',
    { method: odc, spec: { kind: 'odc', neck: ODC, clusters: 4, minCluster: 1 } },
    'neck',
  ],
  [
    'deepcluster without a neck',
    { method: deepcluster, spec: { kind: 'deepcluster', sobel: false, clusters: 5, pca: 8 } },
    'backbone',
  ],
  [
    'deepcluster: the neck',
    {
      method: deepcluster,
      spec: { kind: 'deepcluster', sobel: false, neck: ODC, clusters: 5, pca: 4 },
    },
    'neck',
  ],
])('%s: embedding_std is of what is classified or clustered', async (_, run, name) => {
  const { outputs } = await firstStep(run);
  const parts = [0, 1].map((rank) => {
    const rows = rowsOf(outputs, `rank${rank}.out.${name}`);
    return plainMonitors(rows, rows);
  });
  expectMean(outputs, 'embedding_std', parts);
  expect(outputs).not.toHaveProperty('positive_similarity');
});

it('barlow_twins: similarities are of the two views', async () => {
  const neck = { kind: 'layers', hidden: [8, 8], out: 6, lastNorm: false };
  const { outputs } = await firstStep({
    method: barlowTwins,
    spec: { kind: 'barlow_twins', neck },
  });
  const parts = [0, 1].map((rank) =>
    plainMonitors(
      rowsOf(outputs, `rank${rank}.out.network`),
      rowsOf(outputs, `rank${rank}.out.network#2`),
    ),
  );
  for (const name of ['positive_similarity', 'negative_similarity', 'embedding_std'] as const)
    expectMean(outputs, name, parts);
});

it('npid: similarities are of features and the memory as it was before the step', async () => {
  const spec = { kind: 'npid', neck: { kind: 'linear', out: 6 }, negatives: 5 };
  const { outputs, before } = await firstStep({ method: npid, spec }, ['feature_bank']);
  const bank = rowsOf(before, 'feature_bank'); // image i of the batch is image i of the data
  const parts = [0, 1].map((rank) => {
    const features = rowsOf(outputs, `rank${rank}.out.neck`);
    const from = rank * features.length;
    return plainMonitors(features, bank.slice(from, from + features.length));
  });
  for (const name of ['positive_similarity', 'negative_similarity', 'embedding_std'] as const)
    expectMean(outputs, name, parts);
});
