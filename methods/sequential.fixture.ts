import type { CompiledNode } from '../harness/engine/session.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import type { SmallRun } from '../harness/testing/method_suite.ts';
import { advance, batchOf, digest, withLearner } from '../harness/testing/method_suite.ts';
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
const odcNeck = { kind: 'layers', hidden: [8], out: 6, bias: true } as const;
const layers = { kind: 'layers', hidden: [8], out: 6 } as const;

/** Methods whose replicas are on their own on the way back. */
export const apart: Readonly<Record<string, SmallRun>> = {
  moco: { method: moco, spec: { kind: 'moco', neck: mlp, queue: 32, momentum: 0.9 } },
  byol: { method: byol, spec: { kind: 'byol', neck: mlp, predictor: mlp, momentum: 0.9 } },
  npid: {
    method: npid,
    spec: { kind: 'npid', neck: { kind: 'linear', out: 6 }, negatives: 5 },
    samples: 24,
  },
  odc: {
    method: odc,
    spec: { kind: 'odc', neck: odcNeck, clusters: 4, minCluster: 1 },
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

const synced = { ...layers, norm: 'sync' } as const;

/** Methods, or layers, whose replicas meet on the way back too. */
export const together: Readonly<Record<string, SmallRun>> = {
  simclr: { method: simclr, spec: { kind: 'simclr', neck: { ...layers, norm: 'batch' } } },
  barlow_twins: { method: barlowTwins, spec: { kind: 'barlow_twins', neck: layers } },
  'simclr with a synchronised neck': { method: simclr, spec: { kind: 'simclr', neck: synced } },
  'simclr, all synchronised': {
    method: simclr,
    spec: { kind: 'simclr', neck: synced },
    norm: 'sync',
  },
  'byol, all synchronised': {
    method: byol,
    spec: { kind: 'byol', neck: synced, predictor: synced, momentum: 0.9 },
    norm: 'sync',
  },
  'moco, all synchronised': { ...apart.moco, norm: 'sync' } as SmallRun,
};

/** State and losses after four micro-steps. */
export function outcomeOf(run: SmallRun, sequential: boolean): Promise<unknown> {
  return withLearner(
    run,
    async (learner) => {
      const outputs = await advance(learner, 0, 4);
      return [digest(await learner.save()), outputs.map(({ loss }) => loss?.data)];
    },
    { sequential },
  );
}

/** The ops of a step as TensorFlow left them. */
export function opsOf(run: SmallRun, sequential: boolean): Promise<CompiledNode[]> {
  return withLearner(
    run,
    (learner) => {
      const scalars = learner.definition.method.scalars({ step: 0, steps: 1 });
      const feeds = stepFeeds(batchOf(learner, 0), { rate: 0.1, scalars });
      return learner.program.compiled('step', feeds);
    },
    { sequential },
  );
}
