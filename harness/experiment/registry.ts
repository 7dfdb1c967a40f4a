import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Exported,
  exportsOf,
  fileKindAt,
  modulesIn,
  nearest,
  otherKind,
  readJson,
  UserError,
} from '../base/index.ts';
import type { Methods } from './bind.ts';
import type { MethodDefinition } from './method.ts';

/** Methods by their kind, of the modules that define them. @throws where two are of one kind */
export function byKind(modules: readonly object[]): Methods {
  const found = new Map<string, MethodDefinition>();
  for (const value of modules.flatMap((module) => Object.values(module))) {
    if (!isMethod(value)) continue;
    if (found.has(value.kind)) throw new Error(`methods: a second one is of kind ${value.kind}`);
    found.set(value.kind, value);
  }
  return Object.fromEntries(found);
}

function isMethod(value: unknown): value is MethodDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && 'bind' in value;
}

/** Experiments as they are written, before a schema has seen them, by name. */
export type Recipes = ReadonlyMap<string, unknown>;

/**
 * The experiments that the files of a folder define: `FOLDER/recipes/*.ts` and `FOLDER/*.recipes.ts`.
 * Every exported object with a `name` is one, and every exported list is looked through for more.
 * Adding an experiment is adding an export; there is no list to keep.
 * @throws when two experiments have the same name.
 */
export async function findRecipes(folders: readonly string[]): Promise<Recipes> {
  const found = new Map<string, unknown>();
  for (const { file, value } of await recipeExports(folders)) {
    const name = recipeName(value);
    if (name === undefined || found.get(name) === value) continue;
    if (found.has(name)) throw new Error(`${file}: a second experiment is named ${name}`);
    found.set(name, value);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the files with experiments export, by file. */
export function recipeExports(folders: readonly string[]): Promise<readonly Exported[]> {
  return exportsOf(folders.flatMap(recipeFiles));
}

/**
 * One experiment by name, or read from a file whose name ends in `.json` or whose content is JSON.
 * @throws UserError naming the nearest one when it is not known, or what a file is instead.
 */
export function recipeNamed(name: string, recipes: Recipes): unknown {
  if (recipes.has(name)) return recipes.get(name);
  if (name.endsWith('.json') || fileKindAt(name)?.kind === 'json')
    return readJson(name, 'an experiment');
  const other = otherKind(name, 'an experiment (its name, or a .json file)', []);
  if (other !== undefined) throw other;
  const near = nearest(name, recipes.keys());
  const hint =
    near === undefined ? `known are ${[...recipes.keys()].join(', ')}` : `did you mean ${near}?`;
  throw new UserError(`there is no experiment ${name}; ${hint}`);
}

function recipeFiles(folder: string): string[] {
  const own = listed(folder).filter((name) => name.endsWith('.recipes.ts'));
  const inner = join(folder, 'recipes');
  return [...own.map((name) => join(folder, name)), ...(existsSync(inner) ? modulesIn(inner) : [])];
}

function listed(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function recipeName(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('name' in value)) return undefined;
  return typeof value.name === 'string' && 'method' in value ? value.name : undefined;
}
