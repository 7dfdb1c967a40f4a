import { readFileSync, realpathSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';

/**
 * The place where the file system of an existing path is mounted, if its mount forbids loading programs
 * and libraries from it (`noexec`).
 * @param table of mounts, as in `/proc/self/mountinfo`
 * @returns undefined where they may be loaded, or the system does not say
 */
export function noexecMount(path: string, table = mounts()): string | undefined {
  const real = realpathSync(path);
  let found = { place: '', options: '' };
  for (const line of table.split('\n')) {
    const [, , , , escaped = '', options = ''] = line.split(' ');
    const place = unescaped(escaped);
    const within = real === place || real.startsWith(place.endsWith('/') ? place : `${place}/`);
    // Of two mounts at one place the later one is seen.
    if (within && place.length >= found.place.length) found = { place, options };
  }
  return found.options.split(',').includes('noexec') ? found.place : undefined;
}

/** @throws UserError where libraries below this path cannot be loaded, as its mount forbids it. */
export function checkMount(path: string, table?: string): void {
  const place = noexecMount(path, table);
  if (place !== undefined)
    throw new UserError(
      `engine: ${path} is on ${place}, which is mounted noexec, so that libtensorflow cannot be loaded from there; set XDG_CACHE_HOME (or REPRISE_TENSORFLOW_DIR) to a folder on another disk, or \`mount -o remount,exec ${place}\``,
    );
}

/** The kernel writes a space as \040. */
function unescaped(place: string): string {
  return place.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

function mounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}
