import { basename, dirname } from 'node:path';
import { UserError } from '../base/errors.ts';
import type { Labelled, Named } from './label_counts.ts';

const LOOKED_AT = 4; // samples of each label

/**
 * Refuses two sources whose paths name the same folders and whose labels say otherwise: lists whose
 * classes are in another order, or counted from 1 in one of them. Where folders are no classes, or only
 * one source has them, nothing can be told.
 * @throws UserError naming a folder and both labels.
 */
export function sameFolderLabels(reference: Named, judged: Named): void {
  const [a, b] = [labelsOfFolders(reference.source), labelsOfFolders(judged.source)];
  const shared = [...a.keys()].filter((folder) => b.has(folder)).sort();
  const different = shared.filter((folder) => a.get(folder) !== b.get(folder));
  const [first] = different;
  if (first === undefined || 2 * different.length <= shared.length) return;
  const distance = (folder: string) => (b.get(folder) ?? 0) - (a.get(folder) ?? 0);
  const shifted = different.every((folder) => distance(folder) === distance(first));
  const by = Math.abs(distance(first)) === 1 ? 'one' : String(Math.abs(distance(first)));
  const what = shifted ? `those of ${reference.path} shifted by ${by}` : 'in another order';
  throw new UserError(
    `${judged.path}: its labels are ${what}: images in folders "${first}" have label ${b.get(first)} there, and ${a.get(first)} in ${reference.path}; make one of the lists again, with the classes in the order of the other`,
  );
}

/** The label of each folder whose images all have one label that no other folder's have. */
function labelsOfFolders({ labels, describe }: Labelled): ReadonlyMap<string, number> {
  const byFolder = new Map<string, Set<number>>();
  const byLabel = new Map<number, Set<string>>();
  const seen = new Map<number, number>();
  for (const [index, label] of (labels ?? new Int32Array()).entries()) {
    const count = seen.get(label) ?? 0;
    if (count === LOOKED_AT) continue;
    seen.set(label, count + 1);
    const path = describe(index);
    if (!path.includes('/')) continue;
    add(byFolder, basename(dirname(path)), label);
    add(byLabel, label, basename(dirname(path)));
  }
  const own = new Map<string, number>();
  for (const [folder, found] of byFolder) {
    const [label] = found;
    if (label !== undefined && found.size === 1 && byLabel.get(label)?.size === 1)
      own.set(folder, label);
  }
  return own;
}

function add<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  sets.set(key, (sets.get(key) ?? new Set<V>()).add(value));
}
