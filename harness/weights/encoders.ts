import { BLOCKS } from '../nn/resnet.ts';
import { NUMBERED } from './layouts.ts';

/** A place in a file of weights where a backbone, or a part of one, lies. */
export interface Encoder {
  /** What stands before the backbone's own names. */
  readonly prefix: string;
  /** By the backbone's own name (`layer1.0.conv1.weight`) the one in the file. */
  readonly names: ReadonlyMap<string, string>;
}

const NAME =
  /^(?:conv1\.weight|(?:bn|gn)1\.\w+|layer[1-4]\.\d+\.(?:conv\d\.\w+|(?:bn|gn)\d\.\w+|downsample\.\d+\.\w+))$/;
const PARTS = 5; // of the longest of these names
const STAGE = /^layer[1-4]\./;

/**
 * Every place in a file where names of a ResNet stand, in order of prefix. Places with a stem alone
 * (a head has a `conv1` too) count only where there are no others.
 */
export function encodersIn(names: Iterable<string>): Encoder[] {
  const found = new Map<string, Map<string, string>>();
  const there = new Set(names);
  for (const name of there)
    for (const [prefix, own] of splits(name, there)) {
      const place = found.get(prefix) ?? new Map<string, string>();
      found.set(prefix, place.set(own, name));
    }
  const all = [...found].map(([prefix, own]) => ({ prefix, names: own }));
  const staged = all.filter(({ names: own }) => [...own.keys()].some((name) => STAGE.test(name)));
  const stems = all.filter(({ names: own }) => own.has('conv1.weight') && !isNumbered(own));
  return (staged.length > 0 ? staged : stems).sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** The ways to cut a name into a prefix and a name of a ResNet. */
function splits(name: string, there: ReadonlySet<string>): [prefix: string, own: string][] {
  const found: [string, string][] = [];
  for (let [end, parts] = [name.length, 0]; parts < PARTS && end > 0; parts++) {
    end = name.lastIndexOf('.', end - 1);
    const prefix = name.slice(0, end + 1);
    const own = unnumbered(name.slice(end + 1), prefix, there);
    if (NAME.test(own)) found.push([prefix, own]);
  }
  return found;
}

/** A name whose part has a number in place of its name. @param there all names of the file. */
export function unnumbered(own: string, prefix: string, there: ReadonlySet<string>): string {
  const number = /^\d+(?=\.)/.exec(own)?.[0];
  if (number === undefined) return own;
  // What stands third is a pool or ReLU, which have no tensors, or the first stage.
  const table = NUMBERED[there.has(`${prefix}2.0.conv1.weight`) ? 1 : 0]?.[number];
  return table === undefined ? own : table + own.slice(number.length);
}

// A projector is a `Sequential` too, and its first two layers could be a stem by their numbers.
function isNumbered(own: ReadonlyMap<string, string>): boolean {
  return !own.get('conv1.weight')?.endsWith('conv1.weight');
}

/**
 * The names that a ResNet with an encoder's stages must have, but for the counters of batch norms;
 * undefined where no ResNet known here has as many blocks.
 */
export function resnetNames(own: ReadonlyMap<string, string>): string[] | undefined {
  const deep = own.has('layer1.0.conv3.weight');
  const counts = blockCounts(own);
  const known = Object.entries(BLOCKS).some(
    ([depth, blocks]) => deep === Number(depth) >= 50 && String(blocks) === String(counts),
  );
  if (!known) return undefined;
  const norm = own.has('gn1.weight') ? 'gn' : 'bn';
  const leaves = ['weight', 'bias'];
  if ([...own.keys()].some((name) => name.endsWith('.running_mean')))
    leaves.push('running_mean', 'running_var');
  const pair = (before: string, k: string | number) => [
    `${before}conv${k}.weight`,
    ...leaves.map((leaf) => `${before}${norm}${k}.${leaf}`),
  ];
  const shortcut = (before: string) => [
    `${before}downsample.0.weight`,
    ...leaves.map((leaf) => `${before}downsample.1.${leaf}`),
  ];
  const blocks = counts.flatMap((count, s) =>
    Array.from({ length: count }, (_, i) => {
      const before = `layer${s + 1}.${i}.`;
      const layers = (deep ? [1, 2, 3] : [1, 2]).flatMap((k) => pair(before, k));
      return i === 0 && (deep || s > 0) ? [...layers, ...shortcut(before)] : layers;
    }),
  );
  return [...pair('', 1), ...blocks.flat()];
}

/** Blocks of the four stages. */
export function blockCounts(own: ReadonlyMap<string, unknown>): number[] {
  const counts = [0, 0, 0, 0];
  for (const name of own.keys()) {
    const [, stage, block] = /^layer([1-4])\.(\d+)\./.exec(name) ?? [];
    if (stage === undefined) continue;
    const s = Number(stage) - 1;
    counts[s] = Math.max(counts[s] ?? 0, Number(block) + 1);
  }
  return counts;
}
