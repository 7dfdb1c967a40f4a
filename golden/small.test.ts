import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, test } from 'vitest';
import { train } from '../harness/run/trainer.ts';
import { goldenPath, writeGolden } from '../harness/verify/golden.ts';
import { verdictOn, verdictText } from '../harness/verify/golden_verdict.ts';
import { methods } from '../methods/index.ts';
import { drawn } from './drawn.ts';
import { holdExperiment } from './drawn_experiment.ts';
import { tinyExperiment } from './tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'golden-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('every method has an experiment on drawn images', () => {
  const kinds = drawn.map(({ method }) => method.kind);
  expect([...new Set(kinds)].sort()).toEqual(Object.keys(methods).sort());
});

// One epoch of one, as all take a minute each: small.slow.test.ts has others, the longer suite the rest of all.
test.each(drawn.filter(({ name }) => name === 'moco'))(
  '$name begins as its golden says',
  (experiment) =>
    holdExperiment(experiment, { workDir: join(folder, experiment.name), stopAfterEpoch: 1 }),
);

// Against a golden of this very platform, whichever it is, so that it shows on every machine.
it('a weight moved by one unit in the last place is noticed where bits are pinned', async () => {
  const run = async (name: string, perturbation?: number) => {
    const { record } = await train({
      experiment: tinyExperiment(),
      methods,
      data: '.',
      workDir: join(folder, name),
      stopAfterEpoch: 1,
      terminal: { write: () => true },
      ...(perturbation === undefined ? {} : { perturbation }),
    });
    return record;
  };
  const pinned = await run('plain');
  const goldens = join(folder, 'goldens');
  const chain = pinned.epochs.at(-1)?.chain ?? expect.unreachable();
  const blessing = { reason: 'test', command: '', commit: '', chain, changed: [], differences: [] };
  await writeGolden(goldenPath(goldens, pinned), {
    format: 'reprise-golden-2',
    horizon: 1,
    record: pinned,
    log: [blessing],
  });
  expect(verdictOn(pinned, goldens)).toMatchObject({ kind: 'exact', pass: true });
  const moved = verdictOn(await run('moved', 1), goldens);
  expect(moved, verdictText(moved)).toMatchObject({ kind: 'exact', pass: false });
});
