import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256Json } from '../../harness/base/index.ts';
import { type RunRecord, recordText, sealed } from '../../harness/record/record.ts';
import { readGolden } from '../../harness/verify/golden.ts';
import { readEntries } from '../../reports/entries.ts';
import { remake, remakePlan } from './remake.ts';

const golden = join(import.meta.dirname, '../../golden');
/** Records of goldens by name: they have to be there before they can be made again. */
const pinned = new Map(
  readdirSync(golden, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{12}$/.test(entry.name))
    .flatMap(({ name }) => readdirSync(join(golden, name)).map((file) => join(golden, name, file)))
    .map((file) => readGolden(file).record)
    .map((record) => [record.experiment.name, record] as const),
);

const folder = mkdtempSync(join(tmpdir(), 'remake-'));
const out = join(folder, 'reports');
afterAll(() => rmSync(folder, { recursive: true }));

const stale = sha256Json('an earlier graph');
function put(key: string, { seal: _, ...record }: RunRecord, changes: Partial<RunRecord>): void {
  writeFileSync(join(out, 'records', `${key}.json`), recordText(sealed({ ...record, ...changes })));
}

beforeAll(() => {
  mkdirSync(join(out, 'records'), { recursive: true });
  const run = pinned.get('relative-loc') ?? expect.unreachable();
  const knn = pinned.get('knn-drawn') ?? expect.unreachable();
  put('relative-loc', run, { graph: stale });
  put('knn-drawn--random', knn, { graph: stale });
  const experiment = {
    ...knn.experiment,
    weights: { kind: 'file', sha256: sha256Json('weights that are gone'), prefix: '' },
  };
  const environment = {
    ...knn.environment,
    weightsOf: 'relative-loc',
    weightsExperiment: run.experimentId,
  };
  put('knn-drawn--relative-loc', knn, {
    experiment,
    experimentId: sha256Json(experiment),
    environment,
  });
});

it('makes a run again, what judges its weights, and what judges random ones; once', async () => {
  const said: string[] = [];
  const options = { names: [], out, data: folder, workDir: join(folder, 'runs') };
  const changes = await remake({ ...options, tell: (line) => said.push(line) });
  expect(changes.map(({ key, sameStates }) => [key, sameStates])).toEqual([
    ['relative-loc', false], // the golden's record has two epochs
    ['knn-drawn--relative-loc', false],
    ['knn-drawn--random', expect.any(Boolean)], // the golden's on its platform
  ]);
  expect(said).toHaveLength(3);
  const { standings, remakes } = await remakePlan(options);
  expect([...standings.values()].map(({ kind }) => kind)).toEqual(['today', 'today', 'today']);
  expect(remakes).toEqual([]);
  const entries = readEntries(join(out, 'records'));
  const weights = entries.find(({ key }) => key === 'relative-loc')?.weights;
  const judged = entries.find(({ key }) => key === 'knn-drawn--relative-loc')?.record.experiment;
  expect(judged).toMatchObject({ weights: { sha256: weights?.sha256 } });
  expect(await remake({ ...options, tell: (line) => said.push(line) })).toEqual([]);
  expect(said).toHaveLength(3);
});
