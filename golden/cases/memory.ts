import { z } from 'zod';
import { type HostArray, hostArray } from '../../harness/engine/array.ts';
import { startEngine } from '../../harness/engine/index.ts';
import { aliasTable } from '../../harness/random/alias.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';
import { expectShape } from '../../harness/testing/parity/methods.ts';
import type { ParityCase } from '../../harness/testing/parity/run.ts';
import { prefixOf, type Share } from '../../harness/testing/parity/share.ts';
import { census, recentre } from '../../methods/odc.ts';
import { type Contribution, NpidBank, OdcMemory, PARTS } from './memories.ts';

/** Memories apart from networks: NPID's bank with its alias tables, ODC's with its upkeep, on ranks. */
export const memoryCases: readonly ParityCase[] = [
  { methods: ['npid memory bank'], run: withEngine(runNpid) },
  { methods: ['odc memory'], run: withEngine(runOdc) },
  { methods: ['npid and odc memory banks, several ranks'], run: withEngine(runRanks) },
];

function withEngine(run: ParityCase['run']): ParityCase['run'] {
  return async (fixture, comparisons, share) => {
    await startEngine();
    await run(fixture, comparisons, share);
  };
}

const positive = z.int().positive();
const NpidParameters = z.looseObject({
  length: positive,
  feat_dim: positive,
  momentum: z.number(),
});

async function runNpid(fixture: Fixture, comparisons: Comparisons, share: Share): Promise<void> {
  const { length, feat_dim, momentum } = fixture.field('hyper_parameters', NpidParameters);
  const bank = new NpidBank({ length, width: feat_dim, momentum, share });
  try {
    const initial = expectShape('init.feature_bank', fixture.input('init.feature_bank'), [
      length,
      feat_dim,
    ]);
    await bank.program.writeState('feature_bank', initial);
    for (const step of stepsOf(fixture)) {
      await bank.update(batchOf(fixture, step, share));
      const found = await bank.program.readState('feature_bank');
      comparisons.add(`step${step}.feature_bank`, found, initial);
    }
  } finally {
    bank.program.dispose();
  }
  const weights = fixture.input('in.alias.probs').data;
  const { keep, other } = aliasTable(flat(weights));
  comparisons.add('alias.prob', hostArray('float32', [keep.length], keep));
  comparisons.add('alias.alias', hostArray('int32', [other.length], other));
}

const OdcParameters = z.looseObject({
  length: positive,
  feat_dim: positive,
  num_classes: positive,
  min_cluster: positive,
  momentum: z.number(),
  centroids_update_interval: positive,
  deal_with_small_clusters_interval: positive,
  reweight_pow: z.number().default(0.5),
});

async function runOdc(fixture: Fixture, comparisons: Comparisons, share: Share): Promise<void> {
  const parameters = fixture.field('hyper_parameters', OdcParameters);
  const memory = new OdcMemory({
    length: parameters.length,
    width: parameters.feat_dim,
    clusters: parameters.num_classes,
    momentum: parameters.momentum,
    power: parameters.reweight_pow,
    share,
  });
  try {
    const late = storedLate(fixture);
    const parts = PARTS.filter((name) => !(late && name === 'feature_bank'));
    await memory.begin(fixture.input('in.init_feature'), fixture.input('in.init_label'));
    await memory.compare(comparisons, 'after_init.', parts);
    for (const step of stepsOf(fixture)) {
      const due = (every: number) => step % every === 0;
      const found = await memory.update(batchOf(fixture, step, share));
      compareRatio(comparisons, `step${step}.`, found);
      const labels = await memory.program.readState('label_bank');
      comparisons.add(`step${step}.after_update.label_bank`, labels);
      if (due(parameters.centroids_update_interval)) await memory.program.run(recentre.name);
      if (due(parameters.deal_with_small_clusters_interval))
        await memory.refill(parameters.min_cluster, (n) =>
          fixture.input(`rng.step${step}.split${n}.part2`),
        );
      await memory.program.run(census.name);
      await memory.compare(comparisons, `step${step}.`, parts);
    }
    const bank = await memory.program.readState('feature_bank');
    if (late) for (const name of banksOf(fixture)) comparisons.add(name, bank);
  } finally {
    memory.program.dispose();
  }
}

function banksOf({ expected }: Fixture): string[] {
  return [...expected.keys()].filter((name) => name.endsWith('.feature_bank'));
}

/**
 * Whether a case of several updates holds the same bank for all of them: the reference's bank is changed
 * in place, and was then stored by reference, so that each of its tensors is the last state. The banks
 * on the way are held to the reference by the centroids and labels that come of them.
 */
function storedLate(fixture: Fixture): boolean {
  const banks = banksOf(fixture).map((name) => fixture.expected.get(name)?.data);
  const [first] = banks;
  return banks.length > 2 && banks.every((bank) => bank?.every((x, i) => x === first?.[i]));
}

const RankParameters = z.looseObject({
  length: positive,
  dim: positive,
  classes: positive,
  npid_momentum: z.number().default(0.5),
  odc_momentum: z.number().default(0.5),
  steps: positive,
});

async function runRanks(fixture: Fixture, comparisons: Comparisons, share: Share): Promise<void> {
  const { length, dim, classes, steps, ...parameters } = fixture.field(
    'hyper_parameters',
    RankParameters,
  );
  const shape = { length, width: dim, share };
  const bank = new NpidBank({ ...shape, momentum: parameters.npid_momentum });
  const memory = new OdcMemory({
    ...shape,
    momentum: parameters.odc_momentum,
    clusters: classes,
    power: 0.5,
  });
  try {
    await bank.program.writeState('feature_bank', fixture.input('init.npid.feature_bank'));
    await memory.begin(fixture.input('in.odc.init_feature'), fixture.input('in.odc.init_label'));
    await memory.compare(comparisons, 'odc.init.');
    for (let step = 1; step <= steps; step++) {
      const batch = batchOf(fixture, step, share);
      await bank.update(batch);
      const npid = await bank.program.readState('feature_bank');
      comparisons.add(`step${step}.npid.feature_bank`, npid);
      const found = await memory.update(batch);
      compareRatio(comparisons, `step${step}.odc.`, found);
      await memory.program.run(recentre.name);
      await memory.compare(comparisons, `step${step}.odc.`);
    }
  } finally {
    bank.program.dispose();
    memory.program.dispose();
  }
}

/** Steps that the case has inputs for. */
function stepsOf({ inputs }: Fixture): number[] {
  const steps = inputs.flatMap((name) => /^in\.step(\d+)\.ind$/.exec(name)?.[1] ?? []);
  return steps.map(Number).sort((a, b) => a - b);
}

/** What the own ranks contribute to a step; a rank may have more samples than another. */
function batchOf(fixture: Fixture, step: number, { ranks }: Share): Contribution {
  const { worldSize } = fixture;
  const part = (rank: number, name: string) =>
    flat(fixture.input(`${prefixOf(rank, worldSize)}in.step${step}.${name}`).data);
  const all = Array.from({ length: worldSize }, (_, rank) => rank);
  return {
    counts: all.map((rank) => part(rank, 'ind').length),
    inputs: Object.fromEntries(
      ranks.flatMap((rank) => [
        [`rank${rank}.ind`, Int32Array.from(part(rank, 'ind'))] as const,
        [`rank${rank}.feature`, Float32Array.from(part(rank, 'feature'))] as const,
      ]),
    ),
  };
}

function compareRatio(
  comparisons: Comparisons,
  prefix: string,
  { change_ratio }: Readonly<Record<string, HostArray>>,
): void {
  if (change_ratio !== undefined) comparisons.add(`${prefix}change_ratio`, change_ratio);
}
