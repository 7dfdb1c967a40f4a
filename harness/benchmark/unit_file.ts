import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Sha256, UserError, writeAtomic } from '../base/index.ts';
import type { HostArray } from '../engine/array.ts';
import { stateHash } from '../weights/checkpoint.ts';
import { encodeSafetensors, readSafetensors } from '../weights/safetensors.ts';

const FORMAT = 'reprise-unit-1';

/** Where the tensors of a unit lie in a work directory. */
export function unitFile(folder: string, unit: string): string {
  if (!/^[a-z0-9][\w.-]*$/.test(unit)) throw new Error(`benchmark: ${unit} is no name of a unit`);
  return join(folder, 'units', `${unit}.safetensors`);
}

/** Writes the tensors of a unit, whole or not at all. @returns their hash, the unit's state in the record */
export async function writeUnit(
  folder: string,
  unit: string,
  tensors: ReadonlyMap<string, HostArray>,
): Promise<Sha256> {
  const hash = await stateHash(tensors);
  const metadata = { format: FORMAT, unit, stateHash: hash };
  await writeAtomic(unitFile(folder, unit), encodeSafetensors({ tensors, metadata }));
  return hash;
}

/**
 * The tensors of a unit, or why they are not those that the record has.
 * @throws UserError where they are not there, or not those of the hash
 */
export async function readUnit(
  folder: string,
  unit: string,
  expected: Sha256,
): Promise<ReadonlyMap<string, HostArray>> {
  const file = unitFile(folder, unit);
  if (!existsSync(file)) throw new UserError(`${file} is gone`);
  const { tensors } = readSafetensors(file);
  const found = await stateHash(tensors);
  if (found === expected) return tensors;
  throw new UserError(
    `${file} is damaged: its tensors have SHA-256 ${found}, expected ${expected}`,
  );
}
