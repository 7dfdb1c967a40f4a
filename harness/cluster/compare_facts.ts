import { ranksText } from './wire/ranks.ts';

type Facts = Readonly<Record<string, string>>;

/**
 * What differs between processes: each fact that is not the same on all, with the ranks that have each value.
 * @param all by rank
 * @returns undefined where all agree
 */
export function disagreement(all: readonly Facts[]): string | undefined {
  const names = [...new Set(all.flatMap((facts) => Object.keys(facts)))];
  const lines = names.flatMap((name) => {
    const values = new Map<string, number[]>();
    for (const [rank, facts] of all.entries()) {
      const value = Object.hasOwn(facts, name) ? (facts[name] ?? '') : 'has none';
      values.set(value, [...(values.get(value) ?? []), rank]);
    }
    const groups = [...values].map(([value, ranks]) => `${ranksText(ranks)}: ${value}`);
    return values.size === 1 ? [] : [`  ${name}: ${groups.join('; ')}`];
  });
  if (lines.length === 0) return undefined;
  return `the processes of the run differ; start all from the same checkout, library, experiment and data:\n${lines.join('\n')}`;
}
