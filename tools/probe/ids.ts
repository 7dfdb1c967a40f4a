import { startEngine } from '../../harness/engine/index.ts';
import { useLanes } from '../../harness/engine/lanes.ts';
import { fingerprint } from '../../harness/engine/native/fingerprint.ts';
import {
  type NumericsIds,
  numericsIds,
  type ProbeResult,
  probe,
} from '../../harness/engine/numerics/index.ts';

/** What this machine is called, and what it is. */
export interface Probed {
  readonly numerics: NumericsIds;
  readonly lanes: number;
  readonly cpu: string;
  readonly features: readonly string[];
  readonly caches: readonly string[];
  /** Of each case, where they were asked for. */
  readonly cases: readonly ProbeResult[];
}

/** @param cases whether every case is run and listed, whatever the cache knows */
export async function probed(lanes: number, cases: boolean): Promise<Probed> {
  await startEngine();
  useLanes(lanes);
  const { cpu, features, caches } = fingerprint();
  const results = cases ? await probe() : [];
  return { numerics: await numericsIds(), lanes, cpu, features, caches, cases: results };
}

export function probedText({ numerics, lanes, cpu, features, caches, cases }: Probed): string {
  const { fp32, bf16 = 'none: bf16 cannot be computed here' } = numerics;
  return [
    `fp32   ${fp32}`,
    `bf16   ${bf16}`,
    `lanes  ${lanes}`,
    `CPU    ${cpu}; ${caches.join(', ')}`,
    `       ${features.join(' ')}`,
    ...cases.map(({ name, precision, sha256 }) => `${sha256.slice(0, 12)} ${precision} ${name}`),
  ].join('\n');
}
