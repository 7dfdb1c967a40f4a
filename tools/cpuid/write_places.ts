import { basename } from 'node:path';
import { writeAtomic } from '../../harness/base/files.ts';
import { provision } from '../../harness/engine/library/index.ts';
import { cpuidPlaces } from './places.ts';

/** Finds the instructions in the library of this machine and writes them down. @returns how many in each file */
export async function writePlaces(path: string): Promise<Readonly<Record<string, number>>> {
  const { sha256, framework, cc } = await provision();
  const places = Object.fromEntries(
    [cc, framework].map((file) => [
      basename(file),
      cpuidPlaces(file).map((place) => place.toString(16)),
    ]),
  );
  await writeAtomic(path, `${JSON.stringify({ build: sha256, places }, null, 2)}\n`);
  return Object.fromEntries(Object.entries(places).map(([name, found]) => [name, found.length]));
}
