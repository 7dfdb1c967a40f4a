import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { UserError } from '../../harness/base/index.ts';
import type { Source } from '../../harness/data/source.ts';
import type { SourceSpec } from '../../harness/data/spec.ts';
import { inspect } from './inspect.ts';
import { COUNTS } from './known.ts';
import { labelledLines, writeList } from './lists.ts';
import { inOut, type Work } from './work.ts';

const FOLDER = 'imagenet';

/**
 * Lists of 1 % and 10 % of ImageNet's labels (docs/reference/benchmarks.md, section 8): SimCLR's, where
 * they are given, else class-balanced ones drawn from the seed, which their names say.
 */
export async function prepareImagenetSubset(work: Work): Promise<void> {
  const source = wholeSpec(work);
  if (work.from.length === 0)
    for (const percent of [1, 10] as const) {
      const spec: SourceSpec = { kind: 'subset', source, percent, seed: work.seed };
      await write(
        work,
        await inspect(work, `${percent} %`, spec),
        `${percent}percent_seed${work.seed}`,
      );
    }
  for (const path of work.from) {
    const file = resolve(path);
    const percent = percentOf(basename(path));
    const spec: SourceSpec = { kind: 'subset', source, file, seed: 0 };
    const subset = await inspect(work, `${percent} % (${basename(path)})`, spec);
    const official = COUNTS.imagenet_subset[percent];
    if (subset.count !== official)
      work.differences.push(
        `${path}: ${subset.count} images, SimCLR's list of ${percent} % has ${official}: not the official list`,
      );
    await write(work, subset, `${percent}percent`);
  }
}

function write(work: Work, subset: Source, name: string): Promise<void> {
  const path = inOut(work, FOLDER, `meta/train_labeled_${name}.txt`);
  return writeList(work, path, labelledLines(subset));
}

/** All training images: of the list that `prepare imagenet` wrote, or of the folders. */
function wholeSpec(work: Work): SourceSpec {
  const root = `${FOLDER}/train`;
  const file = `${FOLDER}/meta/train_labeled.txt`;
  if (existsSync(inOut(work, file))) return { kind: 'list', root, file, labelled: true };
  if (existsSync(inOut(work, root))) return { kind: 'folder', root };
  throw new UserError(
    `${inOut(work, root)} is not there; run \`prepare imagenet\` first, with the same --out`,
  );
}

function percentOf(name: string): 1 | 10 {
  const [, percent] = /(?<!\d)(10|1)_?percent/.exec(name) ?? [];
  if (percent === undefined)
    throw new UserError(
      `${name}: its name says neither 1percent nor 10percent, expected SimCLR's 1percent.txt or 10percent.txt; rename it`,
    );
  return percent === '10' ? 10 : 1;
}
