/** Label matrices of the low-shot protocol: drawn from the seed, or the user's own. */
import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { parse, readJson } from '../harness/base/index.ts';
import { type BenchSet, UserError } from '../harness/benchmark/kit.ts';
import { readNpy } from '../harness/features/npy.ts';

/** Names of the original's label files; `.npy` is read before `.json`. */
export function labelFile(sample: number, k: number): string {
  return `train_targets_sample${sample}_k${k}`;
}

/**
 * Labels from a file of the original's form: int [images, classes] with images sorted by id, or
 * `{id: {class: label}}` in any order (docs/reference/benchmarks.md, section 3).
 * @returns int8 [N, C] in the order of the set
 * @throws UserError where it is none, is of other images or classes, or contradicts what the set says
 */
export function readLabels(folder: string, name: string, set: BenchSet): Int8Array {
  const path = join(folder, name);
  const found = existsSync(`${path}.npy`)
    ? fromArray(`${path}.npy`, set)
    : fromTargets(`${path}.json`, set);
  agree(path, found, set);
  return found;
}

function fromArray(path: string, set: BenchSet): Int8Array {
  const { count, classes } = set;
  const { shape, values } = readNpy(path);
  if (String(shape) !== String([count, classes.length]))
    throw new UserError(
      `${path} holds [${shape}], expected [${[count, classes.length]}]: the images by the classes`,
    );
  const ids = idsOf(set);
  const order = ids.map((_, i) => i);
  order.sort((a, b) => ((ids[a] ?? '') < (ids[b] ?? '') ? -1 : 1));
  const out = new Int8Array(count * classes.length);
  for (const [row, image] of order.entries())
    for (let c = 0; c < classes.length; c++)
      out[image * classes.length + c] = label(path, values[row * classes.length + c], {
        id: ids[image] ?? '',
        name: classes[c] ?? '',
      });
  return out;
}

const Targets = z.record(z.string(), z.record(z.string(), z.number()));

function fromTargets(path: string, set: BenchSet): Int8Array {
  const { count, classes } = set;
  const targets = parse(Targets, readJson(path, 'low-shot labels'), path);
  const out = new Int8Array(count * classes.length);
  const ids = idsOf(set);
  for (const [i, id] of ids.entries())
    for (const [c, name] of classes.entries())
      out[i * classes.length + c] = label(path, targets[id]?.[name], { id, name });
  const known = new Set(ids);
  const strange = Object.keys(targets).find((id) => !known.has(id));
  if (strange !== undefined)
    throw new UserError(`${path}: image "${strange}" is not among the ${count} of the data`);
  return out;
}

interface Place {
  readonly id: string;
  readonly name: string;
}

function label(path: string, value: number | bigint | undefined, { id, name }: Place): number {
  const found = Number(value);
  if (value !== undefined && (found === 1 || found === 0 || found === -1)) return found;
  throw new UserError(
    `${path}: image "${id}" has the label ${value} of "${name}", expected 1, 0 or -1`,
  );
}

/** Labels that are shifted, or of another order of images, contradict the data sooner or later. */
function agree(path: string, labels: Int8Array, { marks, classes, describe }: BenchSet): void {
  if (marks === undefined) return;
  for (const [place, own] of labels.entries()) {
    if (own === -1 || own === marks[place]) continue;
    const image = describe(Math.floor(place / classes.length));
    throw new UserError(
      `${path}: ${image} has the label ${own} of "${classes[place % classes.length]}", but the ` +
        `data say ${marks[place]}; are the labels of other images, or shifted?`,
    );
  }
}

function idsOf({ count, describe }: BenchSet): string[] {
  return Array.from({ length: count }, (_, i) => {
    const described = describe(i);
    return basename(described, extname(described));
  });
}
