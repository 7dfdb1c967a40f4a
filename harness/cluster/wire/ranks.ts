/** `rank 3`, `ranks 0, 2 and 5`, `ranks 0 to 7`: as messages name some of the processes. Ascending. */
export function ranksText(ranks: readonly number[]): string {
  const blocks: { first: number; last: number }[] = [];
  for (const rank of ranks) {
    const block = blocks.at(-1);
    if (block !== undefined && block.last === rank - 1) block.last = rank;
    else blocks.push({ first: rank, last: rank });
  }
  const names = blocks.flatMap(({ first, last }) =>
    last - first > 1
      ? [`${first} to ${last}`]
      : last > first
        ? [`${first}`, `${last}`]
        : [`${first}`],
  );
  const end = names.pop() ?? '';
  const list = names.length === 0 ? end : `${names.join(', ')} and ${end}`;
  return ranks.length === 1 ? `rank ${list}` : `ranks ${list}`;
}
