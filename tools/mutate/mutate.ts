import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mutationSets } from '../../golden/mutations/index.ts';
import type { MutationSet } from '../../golden/mutations/mutation.ts';
import { inTemporaryFolder, UserError, writeAtomic } from '../../harness/base/index.ts';
import {
  type MutationPart,
  type MutationResult,
  mutationMarkdown,
  mutationReport,
} from '../../reports/mutations.ts';
import { root } from '../command/root.ts';
import { parityIn } from './parity.ts';
import { trainIn } from './run.ts';
import { testsIn } from './tests.ts';
import { copyTree, withMutation } from './tree.ts';
import { missOf, outcomeOf, pin } from './verdict.ts';

export interface MutateOptions {
  /** Mutations whose words or file hold this. */
  readonly only: string | undefined;
  /** Mutations of this experiment alone. */
  readonly experiment: string | undefined;
  /** Runs at a time. */
  readonly jobs: number;
  /** Writes reports/MUTATIONS.md of that day, in which other experiments stay as they were. */
  readonly date: string | undefined;
}

/**
 * Makes each mutation alone in a copy of this tree, and holds a short run to the golden of the same run
 * without it.
 * @param tell is told of each
 */
export async function mutate(
  options: MutateOptions,
  tell: (result: MutationResult) => void,
): Promise<MutationResult[]> {
  const { date, only } = options;
  if (date !== undefined && only !== undefined)
    throw new UserError('--date writes whole experiments: leave out --only');
  const results: MutationResult[] = [];
  const platforms = new Map<string, string>();
  await inTemporaryFolder('mutations-', async (folder) => {
    const trees = Array.from({ length: options.jobs }, (_, i) => copyTree(join(folder, `${i}`)));
    for (const [i, set] of mutationSets.entries()) {
      const wanted = wantedOf(set, options);
      if (wanted.mutations.length === 0) continue;
      const found = await ofSet(wanted, trees, join(folder, `set${i}`), tell);
      if (found.platform !== '') platforms.set(set.experiment, found.platform);
      results.push(...found.results);
    }
  });
  if (date !== undefined) await writeReport(date, platforms, results);
  return results;
}

function wantedOf(set: MutationSet, { only, experiment }: MutateOptions): MutationSet {
  if (experiment !== undefined && experiment !== set.experiment) return { ...set, mutations: [] };
  const mutations = set.mutations.filter(
    ({ what, file }) => only === undefined || `${what} ${file}`.includes(only),
  );
  return { ...set, mutations };
}

/** @param folder of its own, where runs and their golden go */
async function ofSet(
  set: MutationSet,
  trees: readonly string[],
  folder: string,
  tell: (result: MutationResult) => void,
): Promise<{ readonly platform: string; readonly results: MutationResult[] }> {
  const { experiment, mutations, parity, tests } = set;
  if (parity !== undefined) return byValues(set, (tree) => parityIn(tree, parity), trees, tell);
  if (tests !== undefined) return byValues(set, (tree) => testsIn(tree, tests), trees, tell);
  const goldens = join(folder, 'goldens');
  const run = (tree: string, name: string) => trainIn(tree, set, join(folder, name));
  const [plain, again] = await shared(trees, ['plain', 'again'], run);
  if (plain === undefined || again === undefined) throw new Error('mutate: a run is missing');
  const platform = await pin(plain, goldens);
  const moved = missOf(again, goldens);
  if (moved !== undefined) throw new Error(`${experiment} does not repeat: ${moved}`);
  const results = await shared(trees, [...mutations.entries()], async (tree, [m, mutation]) => {
    const verdict = await withMutation(tree, mutation, async () =>
      outcomeOf(await run(tree, String(m)), goldens),
    );
    const { file, what } = mutation;
    const result = { experiment, file, what, ...verdict };
    tell(result);
    return result;
  });
  return { platform, results };
}

/** Mutations that values of the reference or tests notice. The platform is none of theirs. */
async function byValues(
  { experiment, mutations }: MutationSet,
  noticed: (tree: string) => Promise<Pick<MutationResult, 'caught' | 'failure'>>,
  trees: readonly string[],
  tell: (result: MutationResult) => void,
): Promise<{ readonly platform: string; readonly results: MutationResult[] }> {
  const [tree = ''] = trees;
  const plain = await noticed(tree);
  const wrong = plain.failure ?? plain.caught;
  if (wrong !== undefined) throw new Error(`${experiment} fails without a mutation: ${wrong}`);
  const results = await shared(trees, mutations, async (own, mutation) => {
    const { file, what } = mutation;
    const verdict = await withMutation(own, mutation, () => noticed(own));
    const result = { experiment, file, what, ...verdict };
    tell(result);
    return result;
  });
  return { platform: '', results };
}

/** Each item is taken by the first tree that is free. @returns what came of them, in their order */
async function shared<Item, Result>(
  trees: readonly string[],
  items: readonly Item[],
  body: (tree: string, item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = [...items.entries()];
  const worker = async (tree: string) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [i, item] = next;
      results[i] = await body(tree, item);
    }
  };
  await Promise.all(trees.map(worker));
  return results;
}

/** Beside what the report has of other experiments; of some that are no more it has nothing. */
async function writeReport(
  date: string,
  platforms: ReadonlyMap<string, string>,
  results: readonly MutationResult[],
): Promise<void> {
  const { stdout } = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD'], { encoding: 'utf8' });
  const file = resolve(root, 'reports/mutations.json');
  const before = existsSync(file)
    ? mutationReport.parse(JSON.parse(readFileSync(file, 'utf8')))
    : {};
  const known = new Set(mutationSets.map(({ experiment }) => experiment));
  const report: Record<string, MutationPart> = Object.fromEntries(
    Object.entries(before).filter(([experiment]) => known.has(experiment)),
  );
  for (const experiment of new Set(results.map((one) => one.experiment)))
    report[experiment] = {
      date,
      commit: stdout.trim(),
      platform: platforms.get(experiment) ?? '',
      results: results.filter((one) => one.experiment === experiment),
    };
  await writeAtomic(file, `${JSON.stringify(report, null, 1)}\n`);
  await writeAtomic(resolve(root, 'reports/MUTATIONS.md'), mutationMarkdown(report));
}
