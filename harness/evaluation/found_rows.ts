import type { FoundObject } from '../experiment/index.ts';

/** Of each picture how many objects, and of each of these class, score, box and how many runs of a mask follow. */
const FIELDS = 7;

/**
 * What was found in the pictures of a batch as one list of floats, for processes to hand each other. Nothing of it is
 * rounded: scores and boxes are float32, the rest are integers below 2^24.
 */
export function foundRows(pictures: readonly (readonly FoundObject[])[]): Float32Array {
  const out: number[] = [];
  for (const found of pictures) {
    out.push(found.length);
    for (const { class: label, score, box, mask } of found) {
      out.push(label, score, ...box, mask?.counts.length ?? 0);
      if (mask !== undefined) out.push(mask.height, mask.width, ...mask.counts);
    }
  }
  return Float32Array.from(out);
}

/** The inverse. */
export function rowsFound(rows: Float32Array): FoundObject[][] {
  const pictures: FoundObject[][] = [];
  let at = 0;
  const next = () => rows[at++] ?? 0;
  while (at < rows.length) {
    const found: FoundObject[] = [];
    for (let left = next(); left > 0; left--) {
      const [label, score, x1, y1, x2, y2, runs] = Array.from({ length: FIELDS }, next);
      const box = [x1 ?? 0, y1 ?? 0, x2 ?? 0, y2 ?? 0] as const;
      const plain = { class: label ?? 0, score: score ?? 0, box };
      if (!runs) {
        found.push(plain);
        continue;
      }
      const [height, width] = [next(), next()];
      const counts = Uint32Array.from({ length: runs }, next);
      found.push({ ...plain, mask: { height, width, counts } });
    }
    pictures.push(found);
  }
  return pictures;
}
