import { createHash } from 'node:crypto';
import { createWriteStream, statfsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../base/errors.ts';
import { fault } from './directory.ts';
import type { Build, PinnedFile, Wheel } from './pins.ts';
import { DiskFullError, downloadWheel } from './pip.ts';
import { type Environment, ended, findPip, type Pip, startPython } from './python.ts';
import { megabytes, showTransfer, type Terminal } from './transfer.ts';

/** One member of a zip archive to stdout. */
const UNZIP = `
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as member:
    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)
`;

/** What fetching needs besides the build. */
export interface Workshop {
  readonly python: string;
  readonly environment: Environment;
  readonly terminal: Terminal;
}

/**
 * Fetches the wheels of a build one after the other, unpacks their pinned files, verifies each and
 * renames the whole into place. The caller holds the cache's lock. A process that was killed leaves
 * `DIRECTORY.partial`, which the next one continues: finished files in it are checked and kept. Where
 * the disk is full nothing is left, so that there is room again.
 * @throws UserError on a full disk, a missing pip, a failed download or a file that differs
 */
export async function fetchBuild(build: Build, directory: string, shop: Workshop): Promise<void> {
  const pip = findPip(shop.python, shop.environment);
  const partial = `${directory}.partial`;
  await mkdir(join(partial, 'files'), { recursive: true });
  checkSpace(build, partial, await finishedBytes(build, join(partial, 'files')));
  try {
    for (const wheel of build.wheels) await unpackWheel(wheel, partial, pip, shop);
  } catch (cause) {
    if (cause instanceof DiskFullError) await rm(partial, { recursive: true, force: true });
    throw cause;
  }
  await rename(join(partial, 'files'), directory);
  await syncFolder(dirname(directory));
  await rm(partial, { recursive: true, force: true });
}

async function unpackWheel(wheel: Wheel, partial: string, pip: Pip, shop: Workshop): Promise<void> {
  const files = join(partial, 'files');
  const missing: PinnedFile[] = [];
  for (const file of wheel.files) if ((await fault(files, file)) !== undefined) missing.push(file);
  if (missing.length === 0) return;
  const { environment, terminal } = shop;
  const path = await downloadWheel(pip, wheel, partial, environment, terminal);
  for (const file of missing) await unpack(path, file, files, shop);
  await rm(join(partial, 'wheels'), { recursive: true, force: true });
}

/** Streams one file out of a wheel to the disk, hashing it on the way. */
async function unpack(wheel: string, file: PinnedFile, folder: string, shop: Workshop) {
  const path = join(folder, file.name);
  await mkdir(dirname(path), { recursive: true });
  const transfer = showTransfer(shop.terminal, `unpacking ${file.name}`, file.bytes);
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      transfer.update(bytes);
      done(null, chunk);
    },
  });
  const child = startPython(shop.python, ['-c', UNZIP, wheel, file.member], shop.environment);
  const end = ended(child, ['stderr']);
  await pipeline(child.stdout, meter, createWriteStream(path)).catch((cause: unknown) => {
    child.kill();
    throw writeError(path, cause);
  });
  transfer.close();
  const { code, output } = await end;
  if (code !== 0)
    throw new Error(`engine: cannot unpack ${file.member}: ${output.trim().split('\n').at(-1)}`);
  await checkUnpacked(path, file, bytes, hash.digest('hex'));
  await syncFile(path).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
}

async function checkUnpacked(path: string, file: PinnedFile, bytes: number, sha256: string) {
  if (bytes === file.bytes && sha256 === file.sha256) return;
  await rm(path, { force: true });
  throw new UserError(
    `engine: ${file.member} as unpacked has ${bytes} bytes and SHA-256 ${sha256}, expected ${file.bytes} and ${file.sha256}; it was removed. Run again; if it stays so, the disk or memory of this machine is at fault`,
  );
}

/** The most that lies on the disk at once: every file, and the largest wheel twice while pip moves it. */
function neededBytes({ wheels }: Build): number {
  const files = wheels.flatMap((wheel) => wheel.files);
  const unpacked = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return unpacked + 2 * Math.max(...wheels.map(({ bytes }) => bytes));
}

function checkSpace(build: Build, folder: string, finished: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const [free, needed] = [bavail * bsize, neededBytes(build) - finished];
  if (free >= needed) return;
  throw new UserError(
    `engine: ${dirname(folder)} has ${megabytes(free)} free, and libtensorflow needs ${megabytes(needed)} while it is set up; free some space, or set XDG_CACHE_HOME to a folder on a larger disk`,
  );
}

async function finishedBytes({ wheels }: Build, folder: string): Promise<number> {
  const found = await readdir(folder, { recursive: true });
  const files = wheels.flatMap((wheel) => wheel.files).filter(({ name }) => found.includes(name));
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function writeError(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause;
  return new DiskFullError(
    `engine: the disk was full while unpacking ${path}; free some space, or set XDG_CACHE_HOME to a folder on a larger disk`,
    { cause },
  );
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync().finally(() => file.close());
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}
