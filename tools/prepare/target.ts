import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolders, UserError, writeError } from '../../harness/base/index.ts';

interface Link {
  readonly place: string;
  readonly to: string;
  readonly hard: boolean;
}

/** A folder that an archive is unpacked into, and nothing outside it. */
export class Target {
  private readonly folder: string;
  private readonly links: Link[] = [];
  private readonly safe = new Set<string>();
  private serial = 0;

  constructor(folder: string) {
    makeFolders(folder);
    this.folder = realpathSync(folder);
  }

  /**
   * Writes a file whole or not at all.
   * @returns whether it was there already with the same content
   * @throws UserError where another is there, or a folder on the way is a link that leads out.
   */
  async write(place: string, content: Readable): Promise<boolean> {
    const path = this.inside(place);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there !== undefined) {
      if (there.isFile() && (await isSame(path, there.size, content))) return true;
      throw new UserError(
        `${path} is there already with other content; move it away, or choose another folder with --out`,
      );
    }
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${this.serial++}.tmp`);
    try {
      await copy(content, temporary);
      renameSync(temporary, path);
    } catch (cause) {
      rmSync(temporary, { force: true });
      throw writeError(path, cause);
    }
    return false;
  }

  /** Made at the end, so that no file is written through a link of the archive. */
  link(place: string, to: string, hard: boolean): void {
    this.links.push({ place, to, hard });
  }

  /** Makes the links. @throws UserError where one would lead out after all, over another link. */
  finish(): void {
    for (const { place, to, hard } of this.links) {
      const path = this.inside(place);
      const led = this.inside(to);
      if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) continue;
      if (hard) linkSync(led, path);
      else symlinkSync(relative(dirname(path), led), path);
    }
  }

  private inside(place: string): string {
    const path = join(this.folder, place);
    const parent = dirname(path);
    if (this.safe.has(parent)) return path;
    let above = parent;
    while (!existsSync(above) && above !== this.folder) above = dirname(above);
    const real = realpathSync(above);
    if (real !== this.folder && !real.startsWith(this.folder + sep))
      throw new UserError(
        `${above} is a link that leads to ${real}, where nothing is written; remove the link, or choose another folder with --out`,
      );
    makeFolders(parent);
    this.safe.add(parent);
    return path;
  }
}

async function copy(content: Readable, path: string): Promise<void> {
  const file = openSync(path, 'wx');
  try {
    for await (const piece of content)
      for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done);
  } finally {
    closeSync(file);
  }
}

/** Reads the content to its end, also where it differs. */
async function isSame(path: string, size: number, content: Readable): Promise<boolean> {
  const file = openSync(path, 'r');
  let at = 0;
  let same = true;
  try {
    for await (const piece of content) {
      const own = Buffer.alloc(piece.length);
      const count = readSync(file, own, 0, own.length, at);
      same &&= count === piece.length && own.equals(piece);
      at += piece.length;
    }
  } finally {
    closeSync(file);
  }
  return same && at === size;
}
