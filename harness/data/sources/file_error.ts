import { UserError } from '../../base/errors.ts';
import { errorCode } from '../../base/files.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there; put it back or take it off the list',
  ENOTDIR: 'is not there: a part of its path is a file; correct the path',
  EISDIR: 'is a folder, expected an image file; name the files in it',
  EACCES: 'may not be read; change its permissions, e.g. `chmod +r`',
  EPERM: 'may not be read; change its permissions, e.g. `chmod +r`',
  EIO: 'cannot be read: the disk reports an error; check the disk and copy the file again',
  ELOOP: 'is a link that leads to itself; remove it',
  ENXIO: 'is no regular file, expected an image file; take it off the list',
  ENAMETOOLONG: 'has a name that is too long for the file system; correct the path',
};

/** What a failed access to a file means to the user. */
export function fileError(path: string, cause: unknown): unknown {
  const reason = REASONS[errorCode(cause) ?? ''];
  return reason === undefined ? cause : new UserError(`${path} ${reason}`, { cause });
}
