import { gatherOf } from '../../harness/cluster/collectives.ts';
import { lossWeights, sizesOf } from '../../harness/clustering/labels.ts';
import { assigned } from '../../harness/clustering/members.ts';
import { lookups } from '../../harness/clustering/sample_memory.ts';
import { type HostArray, hostArray, type TypedArray, zeros } from '../../harness/engine/array.ts';
import { lastOfEach } from '../../harness/engine/ops/indexing.ts';
import { l2Normalize } from '../../harness/engine/ops/normalization.ts';
import { type Io, Program, type TensorSpec } from '../../harness/engine/program.ts';
import { type Tensor, tf } from '../../harness/engine/tf.ts';
import { remembered } from '../../harness/nn/bank.ts';
import type { Comparisons } from '../../harness/testing/parity/agreement.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import { expectShape } from '../../harness/testing/parity/methods.ts';
import { onServer, type Share } from '../../harness/testing/parity/share.ts';
import { stateHost } from '../../harness/testing/state_host.ts';
import { census, odcSpec, recentre, refill } from '../../methods/odc.ts';

export const PARTS = ['feature_bank', 'label_bank', 'centroids', 'loss_weight'] as const;

export interface BankShape {
  readonly length: number;
  readonly width: number;
  readonly momentum: number;
  readonly share: Share;
}

/** What the ranks of this process contribute to a step: `rankR.ind`, `rankR.feature`. */
export interface Contribution {
  /** Samples of every rank, those of other processes too. */
  readonly counts: readonly number[];
  readonly inputs: Readonly<Record<string, TypedArray>>;
}

/** The bank of NPID as its step updates it. */
export class NpidBank {
  readonly program: Program;
  private readonly updates: Updates;

  constructor(shape: BankShape) {
    const { length, width, momentum } = shape;
    this.program = new Program(onServer(shape.share));
    this.program.state('feature_bank', { dtype: 'float32', shape: [length, width] });
    this.updates = new Updates(this.program, shape, (io, batch) => {
      remember(io, batch, momentum);
      return {};
    });
  }

  update(contribution: Contribution): Promise<Record<string, HostArray>> {
    return this.updates.run(contribution);
  }
}

export type OdcShape = BankShape & { readonly clusters: number; readonly power: number };

/** The memory of ODC as its step updates it, with its upkeep. */
export class OdcMemory {
  readonly program: Program;
  private readonly shape: OdcShape;
  private readonly updates: Updates;

  constructor(shape: OdcShape) {
    const { length, width, clusters, momentum, power } = shape;
    this.shape = shape;
    this.program = new Program(onServer(shape.share));
    this.program.state('feature_bank', { dtype: 'float32', shape: [length, width] });
    this.program.state('label_bank', { dtype: 'int32', shape: [length] });
    this.program.state('centroids', { dtype: 'float32', shape: [clusters, width] });
    this.program.state('loss_weight', { dtype: 'float32', shape: [clusters] });
    this.updates = new Updates(this.program, shape, (io, batch) => {
      const { at } = batch;
      const next = assigned(remember(io, batch, momentum), io.read('centroids'), 'product');
      const changed = tf.notEqual(next, io.readRows('label_bank', at));
      io.apply('ResourceScatterUpdate', ['label_bank'], [at, lastOfEach(at, next)]);
      return { change_ratio: tf.mean(tf.cast(changed, 'float32')) };
    });
    const spec = odcSpec.parse({ clusters, weightPower: power, assignment: 'product' });
    for (const { name, define } of [recentre, census, ...lookups])
      this.program.entry(name, define(spec));
    this.program.entry('unit', {
      inputs: { x: { dtype: 'float32', shape: [length, width] } },
      build: (io) => {
        io.assign('feature_bank', l2Normalize(input(io, 'x')));
        return {};
      },
    });
  }

  update(contribution: Contribution): Promise<Record<string, HostArray>> {
    return this.updates.run(contribution);
  }

  async begin(features: HostArray, labels: HostArray): Promise<void> {
    const { length, width, clusters } = this.shape;
    expectShape('init_feature', features, [length, width]);
    expectShape('init_label', labels, [length]);
    await this.program.run('unit', { x: Float32Array.from(flat(features.data)) });
    await this.program.writeStates([
      ['label_bank', hostArray('int32', [length], Int32Array.from(flat(labels.data)))],
      ['centroids', zeros('float32', [clusters, width])],
      ['loss_weight', zeros('float32', [clusters])],
    ]);
    await this.program.run(recentre.name);
  }

  /** @param second the samples of the second half of the n-th split, in place of those that are drawn */
  async refill(minimum: number, second: (n: number) => HostArray): Promise<void> {
    const host = stateHost(this, ([n]) => Int32Array.from(flat(second(Number(n)).data)));
    await refill(host, minimum);
  }

  /** Holds every part of the memory that the case expects to it. */
  async compare(
    comparisons: Comparisons,
    prefix: string,
    parts: readonly string[] = PARTS,
  ): Promise<void> {
    for (const name of parts) {
      const found = await this.program.readState(name);
      if (name === 'loss_weight')
        comparisons.addNearest(`${prefix}${name}`, [found, await this.plainWeights()]);
      else comparisons.add(`${prefix}${name}`, found);
    }
  }

  /** The reference's hook weighs by the power 0.5 whatever it is told; its memory by what it is told. */
  private async plainWeights(): Promise<HostArray> {
    const { clusters } = this.shape;
    const labels = Int32Array.from(flat((await this.program.readState('label_bank')).data));
    return hostArray('float32', [clusters], lossWeights(sizesOf(labels, clusters), 0.5, 1e-5));
  }
}

/** What all ranks contribute to a step, one after another. */
interface Batch {
  /** int32 [N], where the features belong. */
  readonly at: Tensor;
  /** [N, D] */
  readonly features: Tensor;
}

/** The step of a memory, for each choice of batches of the ranks that comes. */
class Updates {
  private readonly program: Program;
  private readonly shape: BankShape;
  private readonly build: (io: Io, batch: Batch) => Record<string, Tensor>;
  private readonly known = new Set<string>();

  constructor(program: Program, shape: BankShape, build: Updates['build']) {
    this.program = program;
    this.shape = shape;
    this.build = build;
  }

  run({ counts, inputs }: Contribution): Promise<Record<string, HostArray>> {
    const name = `update ${counts}`.replaceAll(/[ ,]/g, '_');
    if (!this.known.has(name)) this.define(name, counts);
    this.known.add(name);
    return this.program.run(name, inputs);
  }

  private define(name: string, counts: readonly number[]): void {
    const { width, share } = this.shape;
    const { layout, ranks } = share;
    const specs = ranks.flatMap((r): [string, TensorSpec][] => [
      [`rank${r}.ind`, { dtype: 'int32', shape: [counts[r] ?? 0] }],
      [`rank${r}.feature`, { dtype: 'float32', shape: [counts[r] ?? 0, width] }],
    ]);
    this.program.entry(name, {
      inputs: Object.fromEntries(specs),
      build: (io) => {
        const all = (part: string) =>
          gatherOf(
            ranks.map((r) => input(io, `rank${r}.${part}`)),
            layout,
            counts,
          );
        return this.build(io, { at: all('ind'), features: all('feature') });
      },
    });
  }
}

/** What both methods do to their bank; the new rows. */
function remember(io: Io, { at, features }: Batch, momentum: number): Tensor {
  const fresh = l2Normalize(features);
  const rows = remembered(io.readRows('feature_bank', at), fresh, momentum);
  io.apply('ResourceScatterUpdate', ['feature_bank'], [at, lastOfEach(at, rows)]);
  return rows;
}

function input({ inputs }: Io, name: string): Tensor {
  const value = inputs[name];
  if (value === undefined) throw new Error(`memory case: input '${name}' is missing`);
  return value;
}
