import { join } from 'node:path';
import type { z } from 'zod';
import {
  canonicalJson,
  kindOfPath,
  parse,
  readFolder,
  readJson,
  type Sha256,
  sha256Json,
  UserError,
  writeAtomic,
} from '../base/index.ts';
import { type EpochEntry, numberOf } from '../record/entries.ts';
import { isPortable, numericsId, platformId, samePlatform } from '../record/numerics.ts';
import { checkRecord, type RunRecord, sealed } from '../record/record.ts';
import { FormerGolden, isFormerGolden, revisedGolden } from './former_golden.ts';
import { type Change, Golden } from './golden_schema.ts';

/** The file of a run's golden. */
export function goldenPath(folder: string, record: RunRecord): string {
  return goldenFile(folder, { record });
}

type Named = Pick<Golden, 'record' | 'adopted'>;

/** Where a golden lies. */
export function goldenFile(folder: string, golden: Named): string {
  return join(folder, golden.record.experimentId.slice(0, 12), `${goldenId(golden)}.json`);
}

/** What names a golden: an id of numerics, or where it has none that of its fingerprint. */
export function goldenId({ record, adopted = [] }: Named): string {
  return numericsId(record.experiment, record.numerics) ?? adopted[0] ?? record.fingerprint.id;
}

/** Whether a run has to have the bits of a golden: its numerics are among those that met it. */
export function binds({ record: pinned, adopted = [] }: Named, record: RunRecord): boolean {
  const id = numericsId(record.experiment, record.numerics);
  return (
    (id !== undefined && adopted.includes(id)) || samePlatform(pinned.experiment, pinned, record)
  );
}

/** A golden with its seal. */
function sealedGolden(golden: Omit<Golden, 'seal'>): Golden {
  const { format, horizon, record, adopted, bands, log } = golden;
  const content = {
    format,
    horizon,
    record,
    ...(adopted === undefined ? {} : { adopted }),
    ...(bands === undefined ? {} : { bands }),
    log,
  };
  return { ...content, seal: sha256Json(content) };
}

/** A golden as text: equal goldens give equal bytes. */
function goldenText(golden: Omit<Golden, 'seal'>): string {
  const whole = sealedGolden(golden);
  return `${JSON.stringify(JSON.parse(canonicalJson(whole)), null, 2)}\n`;
}

export async function writeGolden(path: string, golden: Omit<Golden, 'seal'>): Promise<void> {
  await writeAtomic(path, goldenText(golden));
}

/**
 * Reads and checks a golden.
 * @throws UserError when it is damaged or was changed by anything but `bless`.
 */
export function readGolden(path: string): Golden {
  const json = readJson(path, 'a golden');
  const what = `golden ${path}`;
  if (isFormerGolden(json))
    return resealed(revisedGolden(sealChecked(FormerGolden, json, what), what), what);
  const golden = sealChecked(Golden, json, what);
  checkRecord(golden.record, `${what}: record`);
  return golden;
}

function sealChecked<T extends { readonly seal: Sha256 }>(
  schema: z.ZodType<T>,
  json: unknown,
  what: string,
): T {
  const golden = parse(schema, json, what);
  const { seal, ...content } = golden;
  if (seal !== sealOf(content))
    throw new UserError(
      `${what} was changed by hand: it does not fit its seal; ` +
        'bring it back from version control, or make it anew with scripts/bless.mjs',
    );
  return golden;
}

/** What is revised may be computed from numbers that lie too far apart. */
function resealed(golden: Omit<Golden, 'seal'>, what: string): Golden {
  if (sealOf(golden) !== undefined) return sealedGolden(golden);
  throw new UserError(
    `${what} was changed by hand: a number of it is beyond a double; bring it back from version control`,
  );
}

/** Undefined for numbers that no golden is written with, such as a bound that is beyond a double. */
function sealOf(content: object): Sha256 | undefined {
  try {
    return sha256Json(content);
  } catch {
    return undefined;
  }
}

/** The goldens of a run's experiment by the id that names them, in order of id. */
export function goldensOf(
  folder: string,
  record: Pick<RunRecord, 'experimentId'>,
): ReadonlyMap<string, Golden> {
  const place = join(folder, record.experimentId.slice(0, 12));
  const names = kindOfPath(place) === undefined ? [] : readFolder(place).sort();
  const files = names.filter((name) => name.endsWith('.json'));
  return new Map(
    files.map((name) => {
      const golden = readGolden(join(place, name));
      const { experimentId: id } = golden.record;
      const platform = goldenId(golden);
      if (id !== record.experimentId || `${platform}.json` !== name)
        throw new UserError(
          `golden ${join(place, name)} is of experiment ${id} on platform ${platform}; ` +
            'its folder and name say otherwise',
        );
      return [platform, golden] as const;
    }),
  );
}

/** The golden whose bits a run has to have; undefined where it is held to bands at most. */
export function ownGolden(
  goldens: ReadonlyMap<string, Golden>,
  record: RunRecord,
): Golden | undefined {
  const others = [...goldens.values()];
  return (
    goldens.get(platformId(record)) ??
    others.find((golden) => binds(golden, record)) ??
    (isPortable(record.experiment) ? others[0] : undefined)
  );
}

/** A record up to an epoch, without what came after. */
export function cutAt(record: RunRecord, horizon: number): RunRecord {
  if (horizon >= record.epochs.length - 1) return record;
  const { final: _, seal: __, ...rest } = record;
  return sealed({ ...rest, epochs: record.epochs.slice(0, horizon + 1), finished: false });
}

/**
 * Every number that differs between two records of one experiment, in order of epoch, then name.
 */
export function changesBetween(before: RunRecord, after: RunRecord): Change[] {
  const last = Math.max(before.epochs.length, after.epochs.length);
  const epochs = Array.from({ length: last }, (_, epoch) =>
    changesOf(epoch, numbersOf(before.epochs[epoch]), numbersOf(after.epochs[epoch])),
  ).flat();
  const ends = [before, after].map(({ final }) => exactNumbers(final ?? {}));
  return [...epochs, ...changesOf('final', ends[0] ?? new Map(), ends[1] ?? new Map())];
}

type Numbers = ReadonlyMap<string, number | string>;

function changesOf(epoch: Change['epoch'], before: Numbers, after: Numbers): Change[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((metric) => {
    const [old, now] = [before.get(metric), after.get(metric)];
    if (Object.is(old, now)) return [];
    const sides = { ...(old === undefined ? {} : { before: old }) };
    return [{ epoch, metric, ...sides, ...(now === undefined ? {} : { after: now }) }];
  });
}

function numbersOf(entry: EpochEntry | undefined): Numbers {
  if (entry === undefined) return new Map();
  return new Map([...exactNumbers(entry.metrics), ['state', entry.stateHash]]);
}

function exactNumbers(metrics: EpochEntry['metrics']): Map<string, number | string> {
  return new Map(Object.entries(metrics).map(([name, exact]) => [name, numberOf(exact)]));
}
