import type { Methods } from '../harness/experiment/bind.ts';
import { byKind } from '../harness/experiment/registry.ts';

/** Every method, by the `kind` that experiments name. A new method is a line here. */
export const methods: Methods = byKind([
  await import('./barlow_twins.ts'),
  await import('./byol.ts'),
  await import('./deepcluster.ts'),
  await import('./moco.ts'),
  await import('./npid.ts'),
  await import('./relative_loc.ts'),
  await import('./odc.ts'),
  await import('./rotation.ts'),
  await import('./simclr.ts'),
  await import('./supervised.ts'),
]);
