import { canonicalJson } from './canonical.ts';
import { sha256 } from './hash.ts';
import type { Metrics } from './log_format.ts';
import type { EpochEntry, ExactNumber } from './record.ts';
import type { Sha256 } from './sha256.ts';

/** The chain before the first entry. */
const START = '0'.repeat(64);

/** A number with every bit of its double, so that a record loses nothing to printing. */
export function exactNumber(value: number): ExactNumber {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { value: readable(value), bits: bytes.toString('hex') };
}

/** The double behind the bits. */
export function numberOf({ bits }: ExactNumber): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

export function exactMetrics(metrics: Metrics): Record<string, ExactNumber> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, exactNumber(value)]),
  );
}

export function metricsOf(exact: Readonly<Record<string, ExactNumber>>): Metrics {
  return Object.fromEntries(Object.entries(exact).map(([name, value]) => [name, numberOf(value)]));
}

/** SHA-256 over the chain of the entry before and this one: it stands for all entries so far. */
export function chainOf(
  entry: Omit<EpochEntry, 'chain'>,
  previous: Pick<EpochEntry, 'chain'> | undefined,
): Sha256 {
  const { epoch, step, metrics, stateHash } = entry;
  const json = canonicalJson({ epoch, step, metrics, stateHash });
  return sha256(`${previous?.chain ?? START}\n${json}`);
}

/** An entry with its chain. */
export function chained(
  entry: Omit<EpochEntry, 'chain'>,
  previous: Pick<EpochEntry, 'chain'> | undefined,
): EpochEntry {
  return { ...entry, chain: chainOf(entry, previous) };
}

function readable(value: number): ExactNumber['value'] {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
