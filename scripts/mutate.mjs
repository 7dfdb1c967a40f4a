import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { command } from './cli.mjs';
import { load, root } from './load.mjs';

await command(
  import.meta.url,
  {
    summary:
      'Show that the goldens bite: every small mutation of the code must fail the comparison.',
    options: {
      only: { kind: 'text', value: 'TEXT', help: 'mutations whose words or file hold this' },
      experiment: { kind: 'text', value: 'NAME', help: 'mutations of this experiment alone' },
      jobs: { kind: 'int', default: 2, min: 1, help: 'runs at a time' },
      date: { kind: 'text', value: 'YYYY-MM-DD', help: 'write reports/MUTATIONS.md of that day' },
    },
    examples: ['--experiment moco --only queue', '--date 2026-11-25'],
  },
  async ({ options, print }) => {
    const { mutationSets } = await load('golden/mutations/index.ts');
    const { mutationMarkdown } = await load('reports/mutations.ts');
    const { writeAtomic } = await load('harness/base/files.ts');
    const folder = mkdtempSync(join(tmpdir(), 'mutations-'));
    const results = [];
    let platform = '';
    try {
      const trees = Array.from({ length: options.jobs }, (_, i) => copyTree(join(folder, `${i}`)));
      for (const [i, { experiment, set, mutations }] of mutationSets.entries()) {
        const wanted = mutations.filter((one) => isWanted(one, experiment, options));
        if (wanted.length === 0) continue;
        const goldens = join(folder, `goldens${i}`);
        const run = (tree, name) => train(tree, experiment, set, join(folder, `run${i}.${name}`));
        const [plain, again] = await shared(trees, ['plain', 'again'], run);
        platform = await pin(plain, goldens);
        const moved = await judged(again, goldens);
        if (moved !== undefined) throw new Error(`${experiment} does not repeat: ${moved}`);
        const found = await shared(trees, wanted, async (tree, mutation, m) => {
          const { file, what } = mutation;
          const verdict = await withMutation(tree, mutation, async () =>
            outcomeOf(await run(tree, m), goldens),
          );
          const { caught, failure } = verdict;
          const words = caught === undefined ? 'NOT NOTICED' : 'noticed';
          print(
            { experiment, file, what, ...verdict },
            `${words} ${experiment}: ${what}: ${caught ?? failure ?? ''}`,
          );
          return { experiment, file, what, ...verdict };
        });
        results.push(...found);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    const missed = results.filter(({ caught }) => caught === undefined);
    if (options.date !== undefined) {
      const commit = spawnSync('git', ['-C', root, 'rev-parse', 'HEAD'], { encoding: 'utf8' });
      const report = { date: options.date, commit: commit.stdout.trim(), platform, results };
      await writeAtomic(resolve(root, 'reports/MUTATIONS.md'), mutationMarkdown(report));
    }
    const noticed = results.length - missed.length;
    print({ noticed, missed: missed.length }, `${noticed} noticed, ${missed.length} not noticed`);
    return missed.length === 0 ? 0 : 1;
  },
);

/** Each item is taken by the first tree that is free. @returns what came of them, in their order */
async function shared(trees, items, body) {
  const results = [];
  const queue = [...items.entries()];
  const worker = async (tree) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [i, item] = next;
      results[i] = await body(tree, item, i);
    }
  };
  await Promise.all(trees.map(worker));
  return results;
}

function isWanted({ what, file }, experiment, { only, experiment: name }) {
  if (name !== undefined && name !== experiment) return false;
  return only === undefined || `${what} ${file}`.includes(only);
}

/** What version control knows of this tree, with the installed packages. */
function copyTree(to) {
  const { stdout } = spawnSync('git', ['-C', root, 'ls-files'], { encoding: 'utf8' });
  const kept = stdout
    .split('\n')
    .filter((file) => /^(harness|methods|scripts|reports)\//.test(file));
  for (const file of [...kept, 'package.json', 'tsconfig.json']) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(root, file), join(to, file));
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  return to;
}

async function withMutation(tree, { file, find, replace, what }, body) {
  const path = join(tree, file);
  const before = readFileSync(path, 'utf8');
  const count = before.split(find).length - 1;
  if (count !== 1) throw new Error(`${what}: the text is ${count} times in ${file}, expected once`);
  writeFileSync(
    path,
    before.replace(find, () => replace),
  );
  try {
    return await body();
  } finally {
    writeFileSync(path, before);
  }
}

/** Trains in a tree, in a process of its own. @returns its record, or how it failed */
function train(tree, experiment, set, workDir) {
  const settings = set.flatMap((setting) => ['--set', setting]);
  const options = ['--workers', '0', '--work_dir', workDir]; // workers would start longer than they work
  const line = [join(tree, 'scripts/train.mjs'), experiment, ...settings, ...options];
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, line, { cwd: tree, stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', fail);
    child.on('close', (code) => done(code === 0 ? { workDir } : { failure: lastLine(text) }));
  });
}

/** The last line that is not of a stack. */
function lastLine(text) {
  const lines = text.trim().split('\n');
  return lines.filter((line) => !/^\s+at /.test(line)).at(-1) ?? '';
}

/** Makes the plain run the golden of its platform. */
async function pin({ workDir, failure }, folder) {
  if (failure !== undefined) throw new Error(`the plain run failed: ${failure}`);
  const { readRecord } = await load('harness/record/record.ts');
  const { goldenPath, writeGolden } = await load('harness/verify/golden.ts');
  const record = readRecord(workDir);
  const log = [
    {
      reason: 'mutations',
      command: 'scripts/mutate.mjs',
      commit: '0',
      chain: record.epochs.at(-1).chain,
      changed: [],
      differences: [],
    },
  ];
  const golden = { format: 'reprise-golden-2', horizon: record.epochs.length - 1, record, log };
  await writeGolden(goldenPath(folder, record), golden);
  return record.fingerprint.id;
}

/** What came of a mutation. A change that breaks the run shows nothing of the goldens. */
async function outcomeOf(run, folder) {
  if (run.failure !== undefined) return { failure: `the run stops: ${run.failure}` };
  return { caught: await judged(run, folder) };
}

/** How the golden comparison takes a run: undefined where it passes. */
async function judged({ workDir, failure }, folder) {
  if (failure !== undefined) throw new Error(`the run stops: ${failure}`);
  const { readRecord } = await load('harness/record/record.ts');
  const { verdictOn } = await load('harness/verify/golden_verdict.ts');
  const verdict = verdictOn(readRecord(workDir), folder);
  rmSync(workDir, { recursive: true });
  if (verdict.kind !== 'exact') throw new Error(`${verdict.kind}: ${verdict.summary}`);
  if (verdict.pass) return undefined;
  const [problem] = verdict.problems;
  if (problem !== undefined) return problem.split(':')[0];
  const first = verdict.rows.find(({ fits }) => !fits);
  const { metric, epoch } = first;
  return epoch === 'final' ? `${metric} at the end` : `${metric} of epoch ${epoch}`;
}
