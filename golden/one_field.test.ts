import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { SMALL } from '../harness/benchmark/drawn.ts';
import { parseBenchmark } from '../harness/benchmark/experiment.ts';
import { findRecipes, override, parseExperiment } from '../harness/experiment/index.ts';
import { methods } from '../methods/index.ts';
import { root } from '../tools/command/root.ts';

/** Of every number, word and list of a value, however deep, what `--set` takes. */
function settingsOf(value: object, before = ''): readonly string[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const path = before + key;
    const inner = typeof item === 'object' && item !== null && !Array.isArray(item);
    return inner ? settingsOf(item, `${path}.`) : [`${path}=${JSON.stringify(item)}`];
  });
}

/** Each field is set to what it is: then nothing but it has to be said with it. */
function holdsToEach(value: unknown, parse: (value: unknown) => object): void {
  const whole = parse(value);
  for (const setting of settingsOf(whole))
    expect(parse(override(value, [setting])), setting).toEqual(whole);
}

describe('a field that has a default can be set alone', async () => {
  const recipes = await findRecipes([resolve(root, 'methods')]);
  it.each([...recipes])('of %s', (_, recipe) => {
    holdsToEach(recipe, (value) => parseExperiment(value, methods));
  });

  it.each(
    Object.values(benchmarks).flatMap(({ kind, drawn, presets }) =>
      [
        ['drawn', drawn] as const,
        ...Object.entries(presets).map(([name, { spec }]) => [name, spec] as const),
      ].map(([name, spec]) => [kind, name, spec] as const),
    ),
  )('of %s %s', (kind, _, spec) => {
    const value = {
      name: `${kind}-all`,
      benchmark: { kind, ...spec },
      weights: { kind: 'random' },
      backbone: SMALL,
    };
    holdsToEach(value, (one) => parseBenchmark(one, benchmarks));
  });
});
