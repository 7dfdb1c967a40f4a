import { join } from 'node:path';
import { cacheHome } from '../../base/cache_home.ts';
import { sha256Json } from '../../base/hash.ts';
import { bf16Here } from './bf16.ts';
import { CASES, REVISION } from './cases.ts';
import { remembered } from './memory.ts';
import { type ProbeOptions, type ProbeResult, probe } from './probe.ts';
import { situation } from './situation.ts';

/** What this process computes, by hashes of a fixed set of kernels' results; 12 hex digits each. */
export interface NumericsIds {
  readonly fp32: string;
  /** Covers fp32's kernels too; undefined where bf16 cannot be computed here (a limit to AVX2, no AVX-512). */
  readonly bf16: string | undefined;
}

let known: Promise<NumericsIds> | undefined;

/**
 * The ids of this process: of its library, device, lanes and environment. Taken from the user's cache where the
 * same process was met before, else by running the probe, which takes one to two seconds. It fixes the lanes
 * (`useLanes`), so these are to be set before.
 * @param options as the program's that follows, if this is the first use of TensorFlow in the process
 * @throws never for a cache that is damaged or cannot be written: the probe runs then
 */
export function numericsIds(options: ProbeOptions = {}): Promise<NumericsIds> {
  known ??= recalled(options);
  return known;
}

/** The ids that results of a probe make. */
export function idsOf(results: readonly ProbeResult[], narrow: boolean): NumericsIds {
  const id = (of: readonly ProbeResult[]) =>
    sha256Json(of.map(({ name, precision, sha256 }) => [name, precision, sha256])).slice(0, 12);
  const fp32 = id(results.filter(({ precision }) => precision === 'fp32'));
  return { fp32, bf16: narrow ? id(results) : undefined };
}

function recalled(options: ProbeOptions): Promise<NumericsIds> {
  const key = situationKey();
  const home = cacheHome();
  const path = home === undefined ? undefined : join(home, 'reprise', 'numerics', `${key}.json`);
  return remembered(path, key, async () => idsOf(await probe(options), bf16Here()));
}

/** Where it is another, ids may be others. */
function situationKey(): string {
  return sha256Json({ cases: CASES, revision: REVISION, ...situation() });
}
