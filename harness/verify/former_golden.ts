import { z } from 'zod';
import { FORMER_FORMAT, inPercent, REVISION_REASON } from '../record/former.ts';
import { checkRecord, type RunRecord } from '../record/record.ts';
import type { Band, Bands } from './bands.ts';
import { type Blessing, Golden } from './golden_schema.ts';

/** A golden whose record is in the former format. */
export const FormerGolden = Golden.extend({
  format: z.literal('reprise-golden-1'),
  record: z.looseObject({ format: z.literal(FORMER_FORMAT) }),
});
type FormerGolden = z.infer<typeof FormerGolden>;

export function isFormerGolden(json: unknown): boolean {
  return z.looseObject({ format: z.literal('reprise-golden-1') }).safeParse(json).success;
}

/**
 * A golden of the former format as one of today, without running anything: its record revised, its bands
 * in the same units, every state hash kept, and a last entry of its log that says so with both ids.
 * @param what names the golden in messages
 */
export function revisedGolden(former: FormerGolden, what: string): Omit<Golden, 'seal'> {
  const record = checkRecord(former.record, `${what}: record`);
  const { horizon, bands, log } = former;
  return {
    format: 'reprise-golden-2',
    horizon,
    record,
    ...(bands === undefined ? {} : { bands: revisedBands(bands) }),
    log: [...log, revision(record, log.at(-1)?.commit ?? 'unknown')],
  };
}

function revision(record: RunRecord, commit: string): Blessing {
  const chain = record.epochs.at(-1)?.chain;
  if (chain === undefined) throw new Error('revision: a record without epochs');
  return {
    reason: REVISION_REASON,
    command: 'npx zx scripts/revise.mjs',
    commit,
    chain,
    changed: ['format'],
    ids: {
      before: record.revised?.experimentId ?? record.experimentId,
      after: record.experimentId,
    },
    differences: [],
  };
}

function revisedBands(bands: Bands): Bands {
  return {
    ...bands,
    epochs: bands.epochs.map(({ epoch, metrics }) => ({ epoch, metrics: bandsInPercent(metrics) })),
    ...(bands.final === undefined ? {} : { final: bandsInPercent(bands.final) }),
  };
}

function bandsInPercent(bands: Readonly<Record<string, Band>>): Record<string, Band> {
  return Object.fromEntries(
    Object.entries(bands).map(([name, { mean, sd, low, high }]) => {
      const unit = (value: number) => inPercent(name, value);
      return [name, { mean: unit(mean), sd: unit(sd), low: unit(low), high: unit(high) }];
    }),
  );
}
