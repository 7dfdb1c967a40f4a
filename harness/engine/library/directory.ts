import { createHash } from 'node:crypto';
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CC, FRAMEWORK } from './pins.ts';

const LIBRARIES = [FRAMEWORK, CC] as const;

/** Which of the two libraries a folder lacks. */
export function missingFiles(directory: string): string[] {
  return LIBRARIES.filter(
    (name) => !statSync(join(directory, name), { throwIfNoEntry: false })?.isFile(),
  );
}

/**
 * SHA-256 over both libraries of a folder. It is remembered in the cache beside sizes and times of
 * change, as reading 850 MB would cost a second at each start.
 */
export async function openDirectory(directory: string, cache: string): Promise<string> {
  const state = JSON.stringify([
    directory,
    ...LIBRARIES.map((name) => stateOf(join(directory, name))),
  ]);
  const note = join(
    cache,
    'directories',
    `${createHash('sha256').update(state).digest('hex')}.txt`,
  );
  const remembered = readText(note);
  if (remembered !== undefined && /^[0-9a-f]{64}$/.test(remembered)) return remembered;
  const lines: string[] = [];
  for (const name of LIBRARIES) lines.push(`${await hashFile(join(directory, name))}  ${name}\n`);
  const sha256 = createHash('sha256').update(lines.join('')).digest('hex');
  remember(note, sha256);
  return sha256;
}

function stateOf(path: string): [string, string] {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return [String(size), String(mtimeNs)];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

// A cache that cannot be written costs a second at the next start, nothing else.
function remember(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    return;
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
