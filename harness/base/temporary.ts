import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { always } from './always.ts';
import { writeError } from './files.ts';

/**
 * Runs `body` with a new folder among the system's temporary files, which is removed with everything in it afterwards,
 * also when the process exits meanwhile.
 * @param prefix of its name
 * @throws UserError where no folder can be made
 */
export async function inTemporaryFolder<T>(
  prefix: string,
  body: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = made(prefix);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove);
  return always(
    () => body(folder),
    remove,
    () => process.off('exit', remove),
  );
}

function made(prefix: string): string {
  const path = join(tmpdir(), prefix);
  try {
    return mkdtempSync(path);
  } catch (cause) {
    throw writeError(path, cause, 'set TMPDIR to a folder that you can write');
  }
}
