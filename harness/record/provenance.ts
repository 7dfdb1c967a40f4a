import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { differences, Sha256, sha256Json, UserError } from '../base/index.ts';
import { native } from '../engine/native/capi.ts';
import { fingerprint } from '../engine/native/fingerprint.ts';
import { hashesOf, type Repair, RunData } from './repair.ts';

/** What a run computes from and with, besides the experiment: all that may change its bits. */
export const Provenance = z
  .strictObject({
    data: RunData.readonly(),
    graph: Sha256,
    library: Sha256,
    fingerprint: z.looseObject({ id: z.string(), device: z.string() }).readonly(),
  })
  .readonly();
export type Provenance = z.infer<typeof Provenance>;

/** The provenance of this process. The engine must have been started. */
export function provenanceOf(data: Readonly<Record<string, string>>, graph: Sha256): Provenance {
  const library = Sha256.parse(native().library.sha256);
  return Provenance.parse({ data, graph, library, fingerprint: { ...fingerprint() } });
}

/**
 * The provenance of a run that goes on here. Where nothing has changed it is what it was. Else its
 * fingerprint and the hash of its step stand for both machines or versions, so that the record is
 * never compared bit by bit with that of a run made on one machine.
 * @param warn is told where the bits may part from those of an undisturbed run.
 * @param repaired the image files that explain why data are not the same
 * @throws UserError when the data are not the same: such a run is another run.
 */
export function continued(
  before: Provenance,
  now: Provenance,
  warn: (message: string) => void,
  repaired: readonly Repair[] = [],
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
  const parted = (['graph', 'library', 'fingerprint'] as const).filter(
    (part) => differences(before[part], now[part]).length > 0,
  );
  const all = [...(before.data.repaired ?? []), ...repaired];
  const data = RunData.parse({ ...now.data, ...(all.length === 0 ? {} : { repaired: all }) });
  if (parted.length === 0) return explained.size === 0 ? before : { ...before, data };
  warn(
    `${parted.map((part) => CHANGED[part]).join(' and ')} since the checkpoint: from here on results ` +
      'may differ from an undisturbed run in the last bits; the record says so',
  );
  return {
    ...now,
    data,
    graph: before.graph === now.graph ? now.graph : sha256Json([before.graph, now.graph]),
    fingerprint: mixed(before.fingerprint, now.fingerprint),
  };
}

type Print = Provenance['fingerprint'];

/** The fingerprint of a run that two kinds of machine have made together. */
export function mixed(before: Print, now: Print): Print {
  if (before.id === now.id) return before;
  const parts = [...(Array.isArray(before.parts) ? before.parts : [before]), now];
  const id = sha256Json(parts).slice(0, 12);
  return { id, device: now.device, parts };
}

const CHANGED = {
  graph:
    'the training step is computed in another way (another version of the code, or --debug_nans)',
  library: 'libtensorflow changed',
  fingerprint: 'the machine is of another kind',
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
