import { describe, expect, test } from 'vitest';
import { findRecipes } from '../harness/experiment/registry.ts';
import { parseExperiment } from '../harness/experiment/spec.ts';
import { dryRun } from '../harness/run/dry_run.ts';
import { dryRunText } from '../harness/run/dry_run_text.ts';
import { methods } from '../methods/index.ts';

const folder = new URL('../methods', import.meta.url).pathname;
const recipes = await findRecipes([folder]);

describe('every experiment can be dry-run without its data', () => {
  test.each([...recipes])('%s', async (_, recipe) => {
    const experiment = parseExperiment(recipe, methods);
    const found = await dryRun({ experiment, methods, data: 'nowhere' });
    process.stderr.write(`${dryRunText(experiment, found)}\n\n`);
    expect(found.stepsPerEpoch).toBeGreaterThan(0);
    expect(found.stepSeconds).toBeGreaterThan(0);
    expect(found.etaSeconds).toBeGreaterThan(found.stepSeconds);
    expect(found.peakBytes).toBeGreaterThan(found.stateBytes);
  });
});
