import { optimizerCases } from '../../harness/testing/parity/optimizers.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { byolCases } from './byol.ts';
import { clusteringCases } from './clustering.ts';
import { deepclusterCase } from './deepcluster.ts';
import { memoryCases } from './memory.ts';
import { mocoCase } from './moco.ts';
import { multiHeadCase } from './multi_head.ts';
import { multiPoolingCase } from './multi_pooling.ts';
import { npidCase } from './npid.ts';
import { odcCase } from './odc.ts';
import { relativeLocCase } from './relative_loc.ts';
import { rotationCase } from './rotation.ts';
import { simclrCase } from './simclr.ts';
import { supervisedCase } from './supervised.ts';
import { syncBatchNormCase } from './sync_bn.ts';

/** What can be held to the reference's values; one line a method. */
export const parityCases: readonly ParityCase[] = [
  ...optimizerCases,
  ...byolCases,
  ...memoryCases,
  ...clusteringCases,
  deepclusterCase,
  mocoCase,
  multiHeadCase,
  multiPoolingCase,
  npidCase,
  relativeLocCase,
  odcCase,
  rotationCase,
  simclrCase,
  supervisedCase,
  syncBatchNormCase,
];
