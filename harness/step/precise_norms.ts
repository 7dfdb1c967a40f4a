import { breath } from '../base/index.ts';
import type { Batch } from '../data/loader/batch.ts';
import { type HostArray, hostArray } from '../engine/array.ts';
import { releaseHostCopies } from '../engine/native/release.ts';
import { type PreciseKind, PreciseStatistics } from '../nn/precise_statistics.ts';
import type { Learner } from './learner.ts';
import { stepFeeds } from './step_inputs.ts';

const MEAN = 'running_mean';
const VARIANCE = 'running_var';

/**
 * Gives the norms of a learner the statistics of so many batches in place of the running ones, by forward passes in
 * training mode that change nothing else: precise batch norm (docs/reference/detection.md, section 13). On several
 * processes all of them do it, each with its own pictures, and come to the same.
 * @param signal ends it before anything is changed, which throws its reason then
 * @throws what `batches` throws
 */
export async function preciseNorms(
  { program, definition }: Pick<Learner, 'program' | 'definition'>,
  batches: AsyncIterableIterator<Batch>,
  { batches: count, kind }: { readonly batches: number; readonly kind: PreciseKind },
  signal?: AbortSignal,
): Promise<void> {
  const sums = new Map<string, PreciseStatistics>();
  const scalars = definition.method.scalars({ step: 0, steps: 1 });
  for (let left = count; left > 0; left--) {
    await breath(signal);
    const { value: batch } = await batches.next();
    if (batch === undefined) throw new Error('precise batch norm: fewer batches than asked for');
    const feeds = stepFeeds(batch, { rate: undefined, scalars });
    addTo(sums, await program.run('norms', feeds, batch.sizes), kind);
  }
  await batches.return?.();
  await program.writeStates(statistics(sums));
  await releaseHostCopies();
}

function addTo(
  sums: Map<string, PreciseStatistics>,
  outputs: Readonly<Record<string, HostArray>>,
  kind: PreciseKind,
): void {
  for (const [name, { data }] of Object.entries(outputs)) {
    if (!name.endsWith(MEAN)) continue;
    const norm = name.slice(0, -MEAN.length);
    const mean = Float32Array.from(data, Number);
    const own = sums.get(norm) ?? new PreciseStatistics(mean.length, kind);
    sums.set(norm, own);
    own.add({
      mean,
      variance: Float32Array.from(valuesOf(outputs, norm + VARIANCE), Number),
      positions: Number(valuesOf(outputs, positionsOf(norm))[0]),
    });
  }
}

/** `replica1.backbone.stem.norm.` → `replica1.positions.backbone.stem.norm.` */
function positionsOf(norm: string): string {
  const [, replica = '', own = norm] = /^(replica\d+\.)?(.*)$/.exec(norm) ?? [];
  return `${replica}positions.${own}`;
}

function valuesOf(outputs: Readonly<Record<string, HostArray>>, name: string) {
  const values = outputs[name]?.data;
  if (values === undefined) throw new Error(`precise batch norm: there is no ${name}`);
  return values;
}

function* statistics(sums: ReadonlyMap<string, PreciseStatistics>) {
  for (const [norm, own] of sums) {
    const { mean, variance } = own.result();
    yield [norm + MEAN, hostArray('float32', [mean.length], mean)] as const;
    yield [norm + VARIANCE, hostArray('float32', [variance.length], variance)] as const;
  }
}
