import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import {
  advance,
  batchOf,
  digest,
  type SmallRun,
  smallLearner,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { barlowTwins } from './barlow_twins.ts';
import { byol } from './byol.ts';
import { deepcluster } from './deepcluster.ts';
import { moco } from './moco.ts';
import { npid } from './npid.ts';
import { odc } from './odc.ts';
import { relativeLoc, relativeLocSpec } from './relative_loc.ts';
import { rotation } from './rotation.ts';
import { simclr } from './simclr.ts';
import { supervised } from './supervised.ts';

const mlp = { kind: 'mlp', hidden: 8, out: 6, norm: 'batch' } as const;
const layers = { kind: 'layers', hidden: [8], out: 6 } as const;

/** Methods whose replicas are on their own on the way back. */
const apart: Readonly<Record<string, SmallRun>> = {
  moco: { method: moco, spec: { kind: 'moco', neck: mlp, queue: 32, momentum: 0.9 } },
  byol: { method: byol, spec: { kind: 'byol', neck: mlp, predictor: mlp, momentum: 0.9 } },
  npid: {
    method: npid,
    spec: { kind: 'npid', neck: { kind: 'linear', out: 6 }, negatives: 5 },
    samples: 24,
  },
  odc: {
    method: odc,
    spec: {
      kind: 'odc',
      neck: { kind: 'nonlinear', hidden: 8, out: 6 },
      clusters: 4,
      minCluster: 1,
    },
    samples: 24,
  },
  deepcluster: {
    method: deepcluster,
    spec: { kind: 'deepcluster', sobel: false, clusters: 5, pca: 8, weightPower: 0.5 },
  },
  rotation: { method: rotation, spec: { kind: 'rotation' } },
  relative_loc: {
    method: relativeLoc,
    spec: { kind: 'relative_loc', neck: { ...relativeLocSpec.parse({}).neck, out: 8 } },
  },
  supervised: { method: supervised, spec: { kind: 'supervised', classes: 3 } },
};

/** Methods, or layers, whose replicas meet on the way back too. */
const together: Readonly<Record<string, SmallRun>> = {
  simclr: { method: simclr, spec: { kind: 'simclr', neck: { ...layers, norm: 'none' } } },
  barlow_twins: { method: barlowTwins, spec: { kind: 'barlow_twins', neck: layers } },
};

function stateAfter(run: SmallRun, sequential: boolean): Promise<unknown> {
  return withLearner(
    run,
    async (learner) => {
      const outputs = await advance(learner, 0, 4);
      return [digest(await learner.save()), outputs.map(({ loss }) => loss?.data)];
    },
    { sequential },
  );
}

describe('replicas one after another', () => {
  beforeAll(startEngine);

  it.each(
    Object.keys(apart).flatMap((name) => [
      [name, { replicas: 4, batch: 2, accumulate: 2 }] as const,
      [name, { replicas: 2, precision: 'bf16' }] as const,
    ]),
  )('give the bits of %s side by side: %o', async (name, layout) => {
    const run = { ...apart[name], ...layout } as SmallRun;
    expect(await stateAfter(run, true)).toEqual(await stateAfter(run, false));
  });

  it.each(Object.keys(apart))('begin %s when the one before has its last gradient', async (name) => {
    const run = { ...apart[name], replicas: 3 } as SmallRun;
    const learner = smallLearner(run, { sequential: true });
    await learner.initialise(0);
    const { graph } = learner.program;
    await advance(learner, 0, 1);
    const batch = batchOf(learner, 0);
    expect(graph.nodes.length).toBeGreaterThan(batch.indices.length);
    learner.dispose();
  });

  it.each(Object.keys(together))('is refused for %s', async (name) => {
    expect(() => smallLearner({ ...together[name], replicas: 2 } as SmallRun, { sequential: true })).toThrow(/./);
  });
});
