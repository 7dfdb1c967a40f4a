import { posix } from 'node:path';

/**
 * Where an entry of an archive belongs, relative to what is unpacked; undefined for the folder itself.
 * @throws Error that says, after the entry's name, why it is refused: it would lie outside, or is no
 *   name that every file system can have.
 */
export function entryPath(name: string): string | undefined {
  if (name.includes('\0')) throw new Error('has a NUL in its name');
  if (name.includes('\\')) throw new Error('has a back slash in its name');
  if (name.startsWith('/') || /^[a-z]:/i.test(name)) throw new Error('is an absolute path');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error('leads out of the target by ".."');
  if (parts.some((part) => Buffer.byteLength(part) > 255)) throw new Error('has too long a name');
  return parts.length === 0 ? undefined : parts.join('/');
}

/**
 * Where a link in an archive leads, relative to what is unpacked.
 * @param place of the link itself, as `entryPath` gives it
 * @param hard a hard link names its target from the top, another one from its own folder
 * @throws as `entryPath`, for one that leads out.
 */
export function linkTarget(place: string, target: string, hard: boolean): string {
  if (target === '' || target.includes('\0') || target.includes('\\'))
    throw new Error('is a link to no name');
  if (target.startsWith('/') || /^[a-z]:/i.test(target))
    throw new Error(`is a link that leads out, to ${target}`);
  const led = posix.normalize(hard ? target : posix.join(posix.dirname(place), target));
  if (led === '..' || led.startsWith('../'))
    throw new Error(`is a link that leads out, to ${target}`);
  return led;
}
