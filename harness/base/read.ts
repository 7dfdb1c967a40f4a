import { readdirSync } from 'node:fs';
import { errorCode } from './error_code.ts';
import { UserError } from './errors.ts';
import { fileError, kindOfPath } from './file_error.ts';
import { shownPath } from './shown_path.ts';

/** The names in a folder. @throws UserError that names it, and why it cannot be read */
export function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOTDIR' && kindOfPath(path) === 'file')
      throw new UserError(`${shownPath(path)} is a file, expected a folder; name its folder`);
    throw fileError(path, cause);
  }
}
