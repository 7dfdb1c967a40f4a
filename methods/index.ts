import type { MethodDefinition } from '../harness/experiment/method.ts';
import { barlowTwins } from './barlow_twins.ts';
import { byol } from './byol.ts';
import { deepcluster } from './deepcluster.ts';
import { moco } from './moco.ts';
import { npid } from './npid.ts';
import { odc } from './odc.ts';
import { relativeLoc } from './relative_loc.ts';
import { rotation } from './rotation.ts';
import { simclr } from './simclr.ts';
import { supervised } from './supervised.ts';

/** Every method, by the `kind` that experiments name. A new method is a line here. */
export const methods: Readonly<Record<string, MethodDefinition>> = {
  barlow_twins: barlowTwins,
  byol,
  deepcluster,
  moco,
  npid,
  relative_loc: relativeLoc,
  odc,
  rotation,
  simclr,
  supervised,
};
