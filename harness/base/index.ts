/**
 * The door of this room, for rooms from `weights` on and what stands on the harness. Rooms below name the file that
 * they need, because threads of the loader must not load the rest.
 */
export { always } from './always.ts';
export { AtomicFile } from './atomic_file.ts';
export { BREATH, breath, unlessStopped } from './breath.ts';
export { cacheHome } from './cache_home.ts';
export { canonicalJson, type Json, type JsonObject } from './canonical.ts';
export { type Clock, clock } from './clock.ts';
export { type Difference, differences, differenceText } from './difference.ts';
export { UserError } from './errors.ts';
export { type Exported, exportsOf, modulesIn } from './exports.ts';
export {
  fileError,
  kindOfPath,
  openToRead,
  readBytes,
  reading,
  readText,
  readTextSlowly,
  systemErrorText,
} from './file_error.ts';
export { type FileKind, fileKind, fileKindAt, HEAD_BYTES, otherKind } from './file_kind.ts';
export {
  type Content,
  errorCode,
  sweepTemporaries,
  writeAll,
  writeAtomic,
  writeError,
} from './files.ts';
export { makeFolders } from './folders.ts';
export {
  filePieces,
  type Hashable,
  piecesOf,
  sha256,
  sha256File,
  sha256Json,
  sha256Slowly,
} from './hash.ts';
export { parseJson } from './json.ts';
export { readJson } from './json_file.ts';
export { type Lock, lockFolder, withLock } from './lock.ts';
export { editDistance, nearest } from './nearest.ts';
export { hearNotices, noticeOnce } from './notices.ts';
export { parse } from './parse.ts';
export { readFolder } from './read.ts';
export { Sha256 } from './sha256.ts';
export { shownPath } from './shown_path.ts';
export { stampFile, stampSha256 } from './stamp.ts';
export { inTemporaryFolder } from './temporary.ts';
