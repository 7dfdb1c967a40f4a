import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A value that a module exports, by itself or in a list. */
export interface Exported {
  readonly file: string;
  readonly value: unknown;
}

/**
 * What modules export, lists taken apart: a kind of thing that is found so needs no list of all there are.
 * @param files paths, imported in their order
 */
export async function exportsOf(files: readonly string[]): Promise<readonly Exported[]> {
  const found: Exported[] = [];
  for (const file of files) {
    const module: Record<string, unknown> = await import(pathToFileURL(file).href);
    for (const value of Object.values(module).flat()) found.push({ file, value });
  }
  return found;
}

/** The TypeScript modules of a folder, without tests, by name. */
export function modulesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name));
  return names.sort().map((name) => join(folder, name));
}
