/**
 * The door of this room, for rooms from `weights` on and what stands on the harness. Rooms below name the file that
 * they need, because threads of the loader must not load the rest.
 */
export { BREATH, breath } from './breath.ts';
export { canonicalJson, type Json, type JsonObject } from './canonical.ts';
export { type Clock, clock } from './clock.ts';
export { type Difference, differences, differenceText } from './difference.ts';
export { UserError } from './errors.ts';
export { type Exported, exportsOf, modulesIn } from './exports.ts';
export { fileError, readBytes, readText, readTextSlowly, systemErrorText } from './file_error.ts';
export { type FileKind, fileKind, fileKindAt, HEAD_BYTES } from './file_kind.ts';
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
export { type Lock, lockFolder, withLock } from './lock.ts';
export { editDistance, nearest } from './nearest.ts';
export { parse } from './parse.ts';
export { Sha256 } from './sha256.ts';
export { stampFile, stampSha256 } from './stamp.ts';
