import { join } from 'node:path';
import { readFolder, writeAtomic } from '../../harness/base/index.ts';
import { goldensOf, readGolden } from '../../harness/verify/golden.ts';
import type { Golden } from '../../harness/verify/golden_schema.ts';
import { root } from '../command/root.ts';

/** Where goldens lie. */
export const goldenFolder = join(root, 'golden');

/**
 * All goldens of a folder, by experiment id, then by the id that names them.
 * @throws UserError when one is damaged
 */
export function allGoldens(folder: string): Golden[] {
  return readFolder(folder)
    .filter((name) => /^[0-9a-f]{12}$/.test(name))
    .sort()
    .flatMap((name) => goldensIn(folder, name));
}

function goldensIn(folder: string, name: string): Golden[] {
  const [file] = readFolder(join(folder, name)).filter((one) => one.endsWith('.json'));
  if (file === undefined) return [];
  const { record } = readGolden(join(folder, name, file));
  return [...goldensOf(folder, record).values()];
}

/**
 * Writes the experiment of every golden into a file of its own, as command lines take it.
 * @param folder where to
 * @returns the files
 */
export async function goldenExperiments(folder: string): Promise<string[]> {
  const experiments = new Map(
    allGoldens(goldenFolder).map(({ record }) => [record.experimentId, record.experiment]),
  );
  const files: string[] = [];
  for (const [id, experiment] of experiments) {
    const file = join(folder, id.slice(0, 12), 'experiment.json');
    await writeAtomic(file, `${JSON.stringify(experiment, null, 1)}\n`);
    files.push(file);
  }
  return files;
}
