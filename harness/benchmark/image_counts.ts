import { openSource } from '../data/open_source.ts';
import type { SourceSpec } from '../data/spec.ts';
import type { Experiment } from '../experiment/index.ts';

/** How many images there were of each use, for people, e.g. `train 20000, test 1000`. */
export function imageCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([use, count]) => `${use} ${count}`)
    .join(', ');
}

/** The same of a training's images, whose files have been hashed before. */
export async function trainedCounts(
  { data: { train }, evaluation }: Experiment,
  data: string,
): Promise<string> {
  const uses: Record<string, SourceSpec> = { train };
  if (evaluation !== undefined) uses.test = evaluation.test;
  const counts: Record<string, number> = {};
  for (const [use, spec] of Object.entries(uses))
    counts[use] = (await openSource(spec, { data })).count;
  return imageCounts(counts);
}
