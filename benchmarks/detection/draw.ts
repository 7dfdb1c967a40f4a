/** What a finished run of the benchmark has to show. */
import { join, relative } from 'node:path';
import { kindOfPath, readJson } from '../../harness/base/index.ts';
import type { Drawing } from '../../harness/benchmark/kit.ts';
import { isObjectSource } from '../../harness/data/objects/objects.ts';
import { openSource } from '../../harness/data/open_source.ts';
import { FOUND } from '../../harness/evaluation/object_evaluator.ts';
import { foundInCoco, type Judging } from './result_files.ts';
import { showDetections } from './show.ts';

/**
 * Shows what the detector found when it was judged last, which its folder keeps.
 * @returns the page; nothing where that is gone
 * @throws UserError where a file of the run or of the data cannot be read, or they do not go together
 */
export async function drawDetections(
  judging: Judging,
  { runs, workDir, title, data, signal }: Drawing,
): Promise<readonly string[]> {
  const [run] = runs;
  const spec = run?.experiment.evaluation?.test;
  if (run === undefined || spec === undefined) return [];
  const file = join(run.folder, FOUND);
  if (kindOfPath(file) === undefined) return [];
  const source = await openSource(spec, { data, signal });
  if (!isObjectSource(source))
    throw new Error(`detection: judged by ${spec.kind}, without objects`);
  const found = foundInCoco(source, readJson(file, 'what a detector found'));
  const shown = await showDetections({ workDir, title, source, found, judging, signal });
  return [relative(workDir, shown.page)];
}
