import { numberingFault } from './label_counts.ts';
import { oneSided } from './marks.ts';
import type { Source } from './source.ts';

/**
 * What a user is to be warned of about an open source: what was left out, by reason, what is less than
 * it should be, labels that are no class numbers, and classes
 * without images. Whoever opens a source for a user tells them, on
 * stderr.
 * @param path of the source in the experiment, e.g. `data.train`
 */
export function sourceWarnings(path: string, source: Source): string[] {
  const fault = numberingFault(source);
  return [
    ...source.manifest.notes.map((note) => `${path}: ${note}`),
    ...(fault === undefined ? [] : [`${path}: ${fault}; no class number can be told from them`]),
    ...oneSided(source).map((said) => `${path}: ${said}`),
  ];
}
