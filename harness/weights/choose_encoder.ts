import { UserError } from '../base/index.ts';
import { blockCounts, type Encoder, encodersIn, resnetNames } from './encoders.ts';
import { LAYOUTS, WRAPPERS } from './layouts.ts';

export interface ChoiceRequest {
  /** For messages. */
  readonly file: string;
  /** Names in the file, and shapes. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** What `--prefix` says. */
  readonly prefix?: string | undefined;
  /** The prefix that the file's own description says, and where it says so. */
  readonly described?: { readonly prefix: string; readonly by: string } | undefined;
  /** The prefix of the network that asks, as files of its own have it. */
  readonly own?: string | undefined;
  /** Names that the backbone must have, with their shapes in files; found from its stages by default. */
  readonly wanted?: ReadonlyMap<string, readonly number[]> | undefined;
}

/** Which backbone of a file was taken, and why. */
export interface Choice {
  readonly file: string;
  readonly encoder: Encoder;
  /** What decided. */
  readonly rule: string;
  /** All that the file has. */
  readonly all: readonly Encoder[];
  /** Names of the backbone that it lacks; undefined where its stages are of no ResNet known here. */
  readonly missing: readonly string[] | undefined;
}

const SHOWN = 12; // names that a message lists

/**
 * The backbone of a file: the one that `--prefix` names; else the one that the file's description names; else the one
 * under the asking network's own names; else by the table of layouts; else the only one there is.
 * @throws UserError with every candidate where none of these decides, or a named one is not there.
 */
export function chooseEncoder(request: ChoiceRequest): Choice {
  const { file, tensors, prefix, described, own } = request;
  const all = encodersIn(tensors.keys());
  const chosen = (encoder: Encoder, rule: string): Choice => {
    const wanted = request.wanted ? [...request.wanted.keys()] : resnetNames(encoder.names);
    const missing = wanted?.filter((name) => !encoder.names.has(name));
    return { file, encoder, rule, all, missing };
  };
  if (prefix !== undefined) return chosen(named(request, all, prefix, '--prefix'), '--prefix');
  if (described !== undefined)
    return chosen(named(request, all, described.prefix, described.by), described.by);
  const found =
    ownIn(all, own) ?? byLayout(all) ?? onlyOne(all) ?? onlyFitting(all, request.wanted, tensors);
  if (found !== undefined) return chosen(found.encoder, found.rule);
  if (all.length === 0)
    throw new UserError(
      `${file} has no backbone of a ResNet (conv1.weight, layer1.0.conv1.weight, …); ` +
        `it has ${groups([...tensors.keys()])}. Is it of another architecture?`,
    );
  throw new UserError(
    `${file} has ${all.length} backbones, and no known layout says which to take: ${listed(all)}; ` +
      'name what stands before conv1.weight with --prefix',
  );
}

/** @throws UserError where the backbone that was taken lacks tensors. */
export function refuseMissing({ file, encoder, rule, all, missing = [] }: Choice): void {
  if (missing.length === 0) return;
  const shown = missing.slice(0, SHOWN).join(', ');
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  const others = all.length > 1 ? `; the file has ${listed(all)}, and --prefix names another` : '';
  throw new UserError(
    `${file}: ${missing.length} tensors of the backbone are missing: ${shown}${more}; ` +
      `taken was ${quoted(encoder)}, by ${rule}${others}. Is it whole, and of the same depth and stem?`,
  );
}

/** What was taken and why, and what was left, for people. @param used names in the file. */
export function choiceText(
  { file, encoder, rule, missing }: Choice,
  names: Iterable<string>,
  used: ReadonlySet<string>,
): string {
  const left = [...names].filter((name) => !used.has(name));
  const rest = left.length === 0 ? 'nothing was left' : `left: ${groups(left)}`;
  const strange =
    missing === undefined
      ? `; its stages have ${blockCounts(encoder.names).join(', ')} blocks, which is no ResNet known here`
      : '';
  return `${file}: ${used.size} tensors taken, the backbone under "${encoder.prefix}" by ${rule}; ${rest}${strange}`;
}

/** Names by what stands before their layers, with counts: `encoder_k.0.* (120), queue`. */
export function groups(names: readonly string[]): string {
  const counts = new Map<string, number>();
  const encoders = encodersIn(names);
  const ofEncoder = new Map(
    encoders.flatMap(({ prefix, names: own }) => [...own.values()].map((name) => [name, prefix])),
  );
  for (const name of names) {
    const prefix = ofEncoder.get(name);
    const group = prefix === undefined ? groupOf(name) : `${prefix}*`;
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const texts = [...counts]
    .sort()
    .map(([group, count]) => (group.endsWith('*') ? `${group} (${count})` : group));
  const more = texts.length > SHOWN ? ` and ${texts.length - SHOWN} more groups` : '';
  return texts.length === 0 ? 'nothing' : texts.slice(0, SHOWN).join(', ') + more;
}

/** The network that a name is in, after its wrappers: `module.fc.0.weight` → `module.fc.0.*`. */
function groupOf(name: string): string {
  const parts = name.split('.');
  const first = parts.findIndex((part) => !WRAPPERS.has(part));
  const numbered = /^\d+$/.test(parts[first + 1] ?? '') && parts.length > first + 2;
  const head = parts.slice(0, first + (numbered ? 2 : 1)).join('.');
  return head === name ? name : `${head}.*`;
}

type Found = { readonly encoder: Encoder; readonly rule: string } | undefined;

function named(
  { file, tensors }: ChoiceRequest,
  all: readonly Encoder[],
  prefix: string,
  by: string,
) {
  const found = all.find((one) => one.prefix === prefix || one.prefix === `${prefix}.`);
  if (found !== undefined) return found;
  const there = all.length > 0 ? listed(all) : groups([...tensors.keys()]);
  const dotted = prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`;
  throw new UserError(
    `${file} has no ${dotted}conv1.weight of a ResNet, which ${by} asks for; it has ${there}; ` +
      'name what stands before conv1.weight with --prefix',
  );
}

function ownIn(all: readonly Encoder[], own: string | undefined): Found {
  if (own === undefined) return undefined;
  const same = all.filter(({ prefix }) => wrapperOf(prefix, own) !== undefined);
  const encoder = same.find(({ prefix }) => prefix === own) ?? onlyOf(same);
  return encoder && { encoder, rule: "this run's own names" };
}

/** What stands before a network's own prefix, if that is wrappers alone: `module.`, or nothing. */
export function wrapperOf(prefix: string, own: string): string | undefined {
  if (!prefix.endsWith(own)) return undefined;
  const wrapper = prefix.slice(0, prefix.length - own.length);
  return wrapper === '' || (wrapper.endsWith('.') && plain(wrapper) === '') ? wrapper : undefined;
}

function byLayout(all: readonly Encoder[]): Found {
  for (const { name, take, beside } of LAYOUTS) {
    const taken = all.filter(({ prefix }) => plain(prefix) === take);
    const others = all.filter(({ prefix }) => plain(prefix) !== take);
    const known = others.every(({ prefix }) => beside.includes(plain(prefix)));
    const encoder = onlyOf(taken);
    if (encoder !== undefined && known && others.length > 0 === beside.length > 0)
      return { encoder, rule: `the layout "${name}"` };
  }
  return undefined;
}

function onlyOne(all: readonly Encoder[]): Found {
  const encoder = onlyOf(all);
  return encoder && { encoder, rule: 'being the only one in the file' };
}

// One that is of another width or depth cannot be meant; one that only lacks tensors could be.
function onlyFitting(
  all: readonly Encoder[],
  wanted: ChoiceRequest['wanted'],
  tensors: ChoiceRequest['tensors'],
): Found {
  if (wanted === undefined) return undefined;
  const fitting = all.filter(({ names }) =>
    [...wanted].every(([own, shape]) => {
      const name = names.get(own);
      return name === undefined || String(tensors.get(name)?.shape) === String(shape);
    }),
  );
  const encoder = onlyOf(fitting);
  return encoder && { encoder, rule: 'being the only one of this architecture in the file' };
}

function onlyOf<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

/** A prefix without wrappers. */
function plain(prefix: string): string {
  return prefix
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.');
}

function listed(all: readonly Encoder[]): string {
  const shown = all.slice(0, SHOWN).map((one) => `${quoted(one)} (${one.names.size} tensors)`);
  return shown.join(', ') + (all.length > SHOWN ? ` and ${all.length - SHOWN} more` : '');
}

function quoted({ prefix }: Encoder): string {
  return `"${prefix}"`;
}
