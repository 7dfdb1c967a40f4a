import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mutation } from '../../golden/mutations/mutation.ts';
import { root } from '../command/root.ts';

/** What runs and tests need, and the parity cases of detection, which no run comes to. */
const KEPT =
  /^(harness|methods|benchmarks|scripts|reports|tools|golden\/cases)\/|^golden\/(parity_cases\.ts|parity\/((coco|voc)_ap|det_\w+)\.)/;

/** Copies what version control knows of this tree, with the installed packages. @returns where */
export function copyTree(to: string): string {
  const { stdout } = spawnSync('git', ['-C', root, 'ls-files'], { encoding: 'utf8' });
  const kept = stdout.split('\n').filter((file) => KEPT.test(file));
  for (const file of [...kept, 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(root, file), join(to, file));
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  return to;
}

/** Runs something in a tree that has a mutation. */
export async function withMutation<T>(
  tree: string,
  { file, find, replace, what }: Mutation,
  body: () => Promise<T>,
): Promise<T> {
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
