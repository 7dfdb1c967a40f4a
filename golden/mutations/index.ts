import { barlowTwins } from './barlow_twins.ts';
import { byol } from './byol.ts';
import { deepcluster } from './deepcluster.ts';
import { moco } from './moco.ts';
import type { MutationSet } from './mutation.ts';
import { npid } from './npid.ts';
import { odc } from './odc.ts';
import { relativeLoc } from './relative_loc.ts';
import { rotation } from './rotation.ts';
import { shared } from './shared.ts';
import { simclr } from './simclr.ts';
import { supervised } from './supervised.ts';

/** All mutations; a new method adds a set. */
export const mutationSets: readonly MutationSet[] = [
  shared,
  moco,
  simclr,
  byol,
  barlowTwins,
  npid,
  odc,
  deepcluster,
  relativeLoc,
  rotation,
  supervised,
];
