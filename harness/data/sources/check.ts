import { UserError } from '../../base/errors.ts';
import { addDecoded, keyAt } from '../checks/decoded_cache.ts';
import { decodeStrictly } from '../images/decode.ts';
import { countsByLabel, numberingFault } from '../label_counts.ts';
import { countMarks } from '../marks.ts';
import type { Source } from '../source.ts';

/** A sample that cannot be used, or that only a lenient decoder takes. */
export interface Finding {
  readonly index: number;
  readonly message: string;
  /** The sample is decoded in spite of it. */
  readonly usable: boolean;
}

/**
 * Reads every sample of a source, of image files strictly as well: all that is wrong, in order. Files
 * that are usable need no check at the start of a run any more.
 */
export async function* checkSamples(source: Source): AsyncGenerator<Finding> {
  const good: bigint[] = [];
  const before = new Set<string>(); // a joined source may have a file several times
  for (let index = 0; index < source.count; index++) {
    if (source.manifest.parts !== undefined) {
      const name = source.describe(index);
      if (before.has(name)) continue;
      before.add(name);
    }
    const refused = await refusal(async () => source.read(index));
    if (refused === undefined && source.files !== undefined)
      good.push(keyAt(source.files.digests, index));
    if (refused !== undefined) yield { index, message: refused, usable: false };
    else {
      const bytes = source.bytes?.(index);
      if (bytes === undefined) continue;
      const warned = await refusal(() => decodeStrictly(bytes, source.describe(index)));
      if (warned !== undefined) yield { index, message: warned, usable: true };
    }
  }
  await addDecoded(good);
}

/**
 * Samples of each class, by label; where labels are no class numbers, of each that occurs, as `[label,
 * samples]`. Where a sample may have several, samples that surely have each. Empty without labels.
 */
export function countLabels(source: Source): number[] | [number, number][] {
  const { labels, marks, classes } = source;
  if (marks !== undefined) return countMarks(marks, classes?.length ?? 0).map((one) => one.present);
  if (labels === undefined) return [];
  const counts = countsByLabel(labels);
  if (numberingFault(source) !== undefined) return [...counts];
  const length = classes?.length ?? counts.size;
  return Array.from({ length }, (_, label) => counts.get(label) ?? 0);
}

async function refusal(read: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
