/** What only a C4 detector has, and what may stand before its names. */
const STAMP = /^((?:.*\.)?)roi_heads\.res5\.0\.conv1\.weight$/;
const PARTS = /^(?:backbone|proposal_generator|roi_heads)\./;

/** A whole detector among the tensors of a file. */
export interface DetectorPart<T> {
  /** What stands before its names: nothing, or `model.` in detectron2's checkpoints. */
  readonly prefix: string;
  /** By detectron2's names, in the file's order. */
  readonly tensors: ReadonlyMap<string, T>;
  /** Names of all else, in the file's words: momentum, statistics of other replicas. */
  readonly beside: readonly string[];
}

/** The C4 detector that tensors are of; undefined where they are of none. */
export function detectorIn<T>(all: ReadonlyMap<string, T>): DetectorPart<T> | undefined {
  const prefixes = [...all.keys()].flatMap((name) => STAMP.exec(name)?.slice(1, 2) ?? []);
  // Momentum is named after the weights, with more before it.
  const [prefix] = prefixes.sort((a, b) => a.length - b.length);
  if (prefix === undefined) return undefined;
  const tensors = new Map<string, T>();
  const beside: string[] = [];
  for (const [name, tensor] of all) {
    const own = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (PARTS.test(own)) tensors.set(own, tensor);
    else beside.push(name);
  }
  return { prefix, tensors, beside };
}

/** Whether a name is one of a detector's, without anything before it. */
export function isDetectorName(name: string): boolean {
  return PARTS.test(name);
}

/** Names by their first part, with counts, for people: `optimizer.* (262)`, `iteration`. */
export function besideGroups(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    const group = name.replace(/\..*$/, '.*');
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return [...counts].map(([group, count]) => (group.endsWith('*') ? `${group} (${count})` : group));
}
