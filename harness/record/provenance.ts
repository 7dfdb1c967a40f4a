import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { differences, Sha256, sha256Json, UserError } from '../base/index.ts';

import { native } from '../engine/native/capi.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { numericsIds } from '../engine/numerics/index.ts';
import { type Computed, Numerics, Print, samePlatform, together } from './numerics.ts';
import { hashesOf, type Repair, RunData } from './repair.ts';

/** What a run computes from and with, besides the experiment: all that may change its bits. */
export const Provenance = z
  .strictObject({
    data: RunData.readonly(),
    graph: Sha256,
    library: Sha256,
    fingerprint: Print,
    /** Absent where it was made before there were ids. */
    numerics: Numerics.optional(),
  })
  .readonly();
export type Provenance = z.infer<typeof Provenance>;

/** The provenance of this process. The engine must have been started. */
export async function provenanceOf(
  data: Readonly<Record<string, string>>,
  graph: Sha256,
): Promise<Provenance> {
  const library = Sha256.parse(native().library.sha256);
  return Provenance.parse({ data, graph, library, ...(await computedHere()) });
}

/** What this process computes on. The engine must have been started. */
export async function computedHere(): Promise<Required<Computed>> {
  const { fp32, bf16 } = await numericsIds();
  return {
    fingerprint: { ...fingerprint() },
    numerics: { fp32, ...(bf16 === undefined ? {} : { bf16 }) },
  };
}

/** A run that goes on. */
export interface Continuation {
  readonly experiment: object;
  readonly before: Provenance;
  readonly now: Provenance;
  /** The image files that explain why data are not the same. */
  readonly repaired?: readonly Repair[];
}

/**
 * The provenance of a run that goes on here. Where nothing has changed it is what it was. Else its
 * numerics and the hash of its step stand for both machines or versions, so that the record is
 * never compared bit by bit with that of a run made on one machine. A machine of another kind whose
 * numerics are the same changes nothing but the description.
 * @param warn is told where the bits may part from those of an undisturbed run.
 * @throws UserError when the data are not the same: such a run is another run.
 */
export function continued(
  { experiment, before, now, repaired = [] }: Continuation,
  warn: (message: string) => void,
): Provenance {
  const explained = new Set(repaired.map(({ use }) => use));
  const [apart] = differences(hashesOf(before.data), hashesOf(now.data)).filter(
    ({ path }) => !explained.has(path),
  );
  if (apart !== undefined)
    throw new UserError(
      `the data changed since the checkpoint: ${apart.path} has SHA-256 ${apart.right ?? 'nothing'}, ` +
        `expected ${apart.left ?? 'nothing'}; bring the data back as they were, or start a new run`,
    );
  const parted = [
    ...(before.graph === now.graph ? [] : ['graph' as const]),
    ...(before.library === now.library ? [] : ['library' as const]),
    ...(samePlatform(experiment, before, now) ? [] : ['numerics' as const]),
  ];
  const all = [...(before.data.repaired ?? []), ...repaired];
  const data = RunData.parse({ ...now.data, ...(all.length === 0 ? {} : { repaired: all }) });
  if (parted.length > 0)
    warn(
      `${parted.map((part) => CHANGED[part]).join(' and ')} since the checkpoint: from here on results ` +
        'may differ from an undisturbed run in the last bits; the record says so',
    );
  return Provenance.parse({
    data,
    graph: before.graph === now.graph ? now.graph : sha256Json([before.graph, now.graph]),
    library: now.library,
    ...together(before, now),
  });
}

const CHANGED = {
  graph:
    'the training step is computed in another way (another version of the code, or --debug_nans)',
  library: 'libtensorflow changed',
  numerics: 'the machine is one that computes other bits',
} as const;

/** Versions, for people. Threads and workers are left out, as no result depends on them. */
export function environment(): Record<string, string> {
  const { library } = native();
  return {
    node: process.version,
    reprise: version(),
    system: `${process.platform} ${process.arch} ${release()}`,
    tensorflow: `${library.version} ${library.device}`,
    processor: `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
  };
}

function version(): string {
  const path = fileURLToPath(new URL('../../package.json', import.meta.url));
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(path, 'utf8'))).version;
}
