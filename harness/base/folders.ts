import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from './error_code.ts';

/**
 * Makes a folder and what is missing above it. Node's own `recursive` never returns below `/proc`, where a
 * folder can be neither found nor made, and calls a file system that may only be read "no such file".
 * @throws the system's error of the folder that could not be made
 */
export function makeFolders(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolders(parent);
  try {
    mkdirSync(path);
  } catch (cause) {
    if (isFolder(path)) return; // another process has made it meanwhile
    if (errorCode(cause) === 'EEXIST') statSync(path); // throws where a link there leads to nothing
    throw cause;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // what it is instead, or why it cannot be looked at, is what making it says
  }
}
