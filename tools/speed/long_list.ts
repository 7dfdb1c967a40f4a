import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readTextSlowly } from '../../harness/base/index.ts';

/** A list of files that lies in a folder of its own. */
export interface LongList {
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * Repeats the files of a list until there are so many, so that one epoch has all steps, as PyTorch's
 * side has it.
 * @param list JPEG paths, one a line
 */
export async function longList(list: string, length: number): Promise<LongList> {
  const paths = (await readTextSlowly(resolve(list))).trim().split('\n');
  const folder = await mkdtemp(join(tmpdir(), 'perf-'));
  const file = join(folder, 'list.txt');
  const lines = Array.from({ length }, (_, i) => paths[i % paths.length]);
  await writeFile(file, `${lines.join('\n')}\n`);
  return { file, remove: () => rm(folder, { recursive: true }) };
}
