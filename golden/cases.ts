import { optimizerCases } from '../harness/testing/parity/optimizers.ts';
import type { ParityCase } from '../harness/testing/parity/run.ts';
import { byolCases } from './byol_case.ts';
import { clusteringCases } from './clustering_case.ts';
import { deepclusterCase } from './deepcluster_case.ts';
import { memoryCases } from './memory_case.ts';
import { mocoCase } from './moco_case.ts';
import { multiHeadCase } from './multi_head_case.ts';
import { multiPoolingCase } from './multi_pooling_case.ts';
import { npidCase } from './npid_case.ts';
import { odcCase } from './odc_case.ts';
import { relativeLocCase } from './relative_loc_case.ts';
import { rotationCase } from './rotation_case.ts';
import { simclrCase } from './simclr_case.ts';
import { supervisedCase } from './supervised_case.ts';
import { syncBatchNormCase } from './sync_bn_case.ts';

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
