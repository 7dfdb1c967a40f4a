import { readdirSync, statSync } from 'node:fs';
import { errorCode } from './error_code.ts';
import { UserError } from './errors.ts';
import { fileError, readText } from './file_error.ts';
import { shownPath } from './shown_path.ts';

/**
 * The value of a JSON file.
 * @param mend what to do about one that is none
 * @throws UserError that names it, and why it cannot be read
 */
export function readJson(path: string, mend = 'bring it back from a copy'): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ');
    throw new UserError(`${shownPath(path)} is no JSON (${reason}); ${mend}`, { cause });
  }
}

/** The names in a folder. @throws UserError that names it, and why it cannot be read */
export function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    if (kindOf(path) === 'file')
      throw new UserError(`${shownPath(path)} is a file, expected a folder; name its folder`);
    throw fileError(path, cause);
  }
}

/** What is at a path; undefined for nothing. @throws UserError for what cannot be looked at, e.g. a loop of links */
export function kindOf(path: string): 'file' | 'folder' | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return stat.isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    if (errorCode(cause) === 'ENOTDIR') return undefined;
    throw fileError(path, cause);
  }
}
