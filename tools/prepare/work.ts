import { existsSync, lstatSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import {
  type Content,
  makeFolders,
  piecesOf,
  readBytes,
  UserError,
  writeAtomic,
} from '../../harness/base/index.ts';

/** What a preparation is given. */
export interface PrepareOptions {
  /** Folders and archives that were downloaded; none where all is unpacked in `out` already. */
  readonly from: readonly string[];
  /** Data folder that is made ready. */
  readonly out: string;
  /** Of what is drawn: low-shot labels, subsets. */
  readonly seed: number;
  /** A list of labels for validation images that lie in one folder. */
  readonly labels?: string | undefined;
  /** Decodes every image. */
  readonly decode: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told what goes on. */
  readonly tell: (line: string) => void;
}

/** What came of it. */
export interface Prepared {
  /** What there is, and what was written. */
  readonly said: string[];
  /** How it is not the official set, or not as it should be. */
  readonly differences: string[];
}

/** A preparation under way. */
export interface Work extends PrepareOptions, Prepared {}

/** The absolute path of something in the data folder. */
export function inOut({ out }: Pick<Work, 'out'>, ...parts: readonly string[]): string {
  return resolve(out, ...parts);
}

/**
 * Writes a file of the data folder, unless it is there already with that content.
 * @throws UserError where it is there with other content, which somebody may want, or would lie behind
 *   a link that leads out of the data folder.
 */
export async function writeOnce(work: Work, path: string, content: Content): Promise<void> {
  stayInside(work, path);
  const bytes = Buffer.concat([...piecesOf(content)].map((piece) => Buffer.from(piece)));
  if (!existsSync(path)) {
    await writeAtomic(path, bytes);
    work.said.push(`wrote ${path}`);
    return;
  }
  if (!readBytes(path).equals(bytes))
    throw new UserError(
      `${path} is there with other content, which is kept; move it away to have it made, or choose another folder with --out`,
    );
  work.said.push(`${path} is as it should be`);
}

/** Nothing is written through a link into what was downloaded. */
export function stayInside({ out }: Pick<Work, 'out'>, path: string): void {
  makeFolders(resolve(out));
  const top = realpathSync(resolve(out));
  let above = dirname(path);
  while (!existsSync(above)) above = dirname(above);
  const real = realpathSync(above);
  if (real !== top && !real.startsWith(top + sep))
    throw new UserError(
      `${above} leads out of ${out}, to ${real}, where nothing is written; name that as --from, and another folder as --out`,
    );
}

/**
 * Makes a link in the data folder to what was downloaded, unless it is there already.
 * @throws UserError where something else is there.
 */
export function linkTo(work: Work, path: string, target: string): void {
  const real = realpathSync(target);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (existsSync(path) && realpathSync(path) === real) return;
    const what = there.isSymbolicLink() ? `leads to ${readlinkSync(path)}` : 'is there already';
    throw new UserError(
      `${path} ${what}, and not to ${real}; move it away, or choose another folder with --out`,
    );
  }
  stayInside(work, path);
  makeFolders(dirname(path));
  symlinkSync(real, path);
  work.said.push(`linked ${path} to ${join(real)}`);
}
