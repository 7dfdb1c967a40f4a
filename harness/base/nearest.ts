/**
 * The candidate nearest to a mistyped word, by edit distance with swaps of neighbours counted once;
 * upper and lower case, `-` and `_` count as equal. Undefined when none is near: more than a third
 * of the word would have to change.
 * @example nearest('temprature', ['temperature', 'queue']) // 'temperature'
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(word);
  let best: string | undefined;
  let bestDistance = Math.floor(Math.max(3, wanted.length) / 3) + 0.5;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbour to turn one word into another. */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = from[i - 1] === to[j - 1] ? 0 : 1;
      const at = (cells: readonly number[], k: number) => cells[k] ?? Number.POSITIVE_INFINITY;
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swap = swapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + change, swap));
    }
    [before, last] = [last, row];
  }
  return last[to.length] ?? 0;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}
