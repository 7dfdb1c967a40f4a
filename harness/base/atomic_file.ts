import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { temporaryOf, writeAll, writeError } from './files.ts';
import { makeFolders } from './folders.ts';
import { renameOver, syncFile, syncFolder } from './sync.ts';

/**
 * A file that is written piece by piece, for what is too large to be held, and appears under its name
 * only when it is whole, as with `writeAtomic`. End it by `commit` or by `abandon`.
 * @example
 * const file = await AtomicFile.open('features.npy');
 * await file.append(header);
 * await file.commit();
 */
export class AtomicFile {
  private readonly path: string;
  private readonly temporary: string;
  private readonly file: FileHandle;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.path = path;
    this.temporary = temporary;
    this.file = file;
  }

  /** Parents are made. @throws UserError where the place cannot be written. */
  static async open(path: string): Promise<AtomicFile> {
    const temporary = temporaryOf(path);
    try {
      makeFolders(dirname(path));
      return new AtomicFile(path, temporary, await open(temporary, 'wx'));
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  /** @throws UserError when the disk is full; what was written is removed then. */
  async append(piece: Uint8Array): Promise<void> {
    await this.attempt(() => writeAll(this.file, piece));
  }

  /** Makes what was appended the file of its name, once it has reached the disk. Throws as `append`. */
  async commit(): Promise<void> {
    await this.attempt(async () => {
      await syncFile(this.file);
      await this.file.close();
      await renameOver(this.temporary, this.path);
      await syncFolder(dirname(this.path));
    });
  }

  /** Removes what was written; a file of that name stays as it was. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true }).catch(() => undefined);
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      await this.abandon();
      throw writeError(this.path, cause);
    }
  }
}
