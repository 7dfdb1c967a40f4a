import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { kindOfPath, readFolder, UserError } from '../../harness/base/index.ts';
import { type UnpackOptions, unpack } from './unpack.ts';
import { inOut, linkTo, type Work } from './work.ts';

/** How a set lies in folders and archives. */
export interface Layout {
  /** Its folder in the data folder. */
  readonly folder: string;
  /** Files and folders in it, any of which tell that a folder holds the set. */
  readonly parts: readonly string[];
  /** Where such a folder may lie in what was downloaded. */
  readonly places: readonly string[];
  /** Names of its archives. */
  readonly archives: RegExp;
  readonly unpack: Pick<UnpackOptions, 'place' | 'inside'>;
}

/**
 * Puts what was downloaded where sources look for it: archives are unpacked into the data folder, and
 * folders are linked from it. What was downloaded is only read.
 * @throws UserError for a path that holds nothing of the set.
 */
export async function bring(work: Work, layout: Layout): Promise<void> {
  for (const path of work.from) {
    const kind = kindOfPath(path);
    if (kind === undefined)
      throw new UserError(`${path} is not there; name the folder or archive that was downloaded`);
    if (kind !== 'folder') await bringArchive(work, layout, path);
    else if (!linked(work, layout, path)) await bringArchives(work, layout, path);
  }
}

function linked(work: Work, layout: Layout, path: string): boolean {
  let found = false;
  for (const place of layout.places) {
    const parts = layout.parts.filter((part) => existsSync(join(path, place, part)));
    for (const part of parts)
      linkTo(work, inOut(work, layout.folder, part), join(path, place, part));
    found ||= parts.length > 0;
    if (found) break;
  }
  return found;
}

async function bringArchives(work: Work, layout: Layout, path: string): Promise<void> {
  const archives = readFolder(path)
    .filter((name) => layout.archives.test(name))
    .sort();
  if (archives.length === 0)
    throw new UserError(
      `${path} holds nothing of the set, expected ${layout.parts.join(' or ')} in ${layout.places.join(' or ')}, or its archives; name the folder that was unpacked`,
    );
  for (const name of archives) await bringArchive(work, layout, join(path, name));
}

async function bringArchive(work: Work, layout: Layout, path: string): Promise<void> {
  const { tell, signal } = work;
  tell(`unpacking ${path}`);
  const { files, same, md5, expectedMd5 } = await unpack(path, inOut(work), {
    ...layout.unpack,
    signal,
    onFile: (count) => {
      if (count % 10_000 === 0) tell(`${count} files`);
    },
  });
  const before = same === 0 ? '' : `, ${same} of them there already`;
  work.said.push(`${basename(path)}: ${files} files${before}, MD5 ${md5}`);
  if (expectedMd5 !== undefined && expectedMd5 !== md5)
    work.differences.push(
      `${path} has MD5 ${md5}, and ${expectedMd5} is the official one: not the official archive`,
    );
  if (files === 0) throw new UserError(`${path} holds no file of the set; name its archive`);
}
