import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { hashFile } from './directory.ts';
import type { Wheel } from './pins.ts';
import { type Environment, ended, type Pip, startPython } from './python.ts';
import { megabytes, showTransfer, type Terminal } from './transfer.ts';

const POLL_MS = 200;
const RETRIES = '3';

/** Runs pip so that it dies with us: an orphan would go on downloading into a removed folder. */
const PIP = `
import os, signal, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]): sys.exit(1)
except (ImportError, AttributeError, OSError): pass
if sys.argv[2]: sys.path.insert(0, sys.argv[2])
del sys.argv[1:3]
import runpy
runpy.run_module('pip', run_name='__main__', alter_sys=True)
`;

/**
 * Fetches one wheel with pip, which checks its SHA-256.
 * @param folder of the caller alone; pip's temporary files lie in it too
 * @returns path of the wheel
 * @throws UserError saying why pip failed and what to do
 */
export async function downloadWheel(
  { python, wheel: pipWheel }: Pip,
  wheel: Wheel,
  folder: string,
  environment: Environment,
  terminal: Terminal,
): Promise<string> {
  const [target, temporary] = [join(folder, 'wheels'), join(folder, 'pip')];
  const kept = await keptWheel(target, wheel);
  if (kept !== undefined) return kept;
  await Promise.all([target, temporary].map((path) => rm(path, { recursive: true, force: true })));
  await mkdir(temporary, { recursive: true });
  const [requirements, log] = [join(folder, 'requirements.txt'), join(temporary, 'log')];
  await writeFile(requirements, requirementOf(wheel));
  const start = ['-c', PIP, String(process.pid), pipWheel ?? ''];
  const args = [...start, ...argumentsOf(wheel, requirements, target, log)];
  const pip = startPython(python, args, pipEnvironment(environment, temporary), folder);
  const transfer = showTransfer(terminal, `fetching ${wheel.distribution}`, wheel.bytes);
  const poll = setInterval(() => void sizeOf(temporary).then(transfer.update), POLL_MS);
  const { code, output } = await ended(pip).finally(() => {
    clearInterval(poll);
    transfer.close();
  });
  // Only the log of pip says that the index refused access.
  const details = code === 0 ? '' : await readFile(log, 'utf8').catch(() => '');
  await rm(temporary, { recursive: true, force: true });
  const [name] = await readdir(target).catch(() => []);
  if (code !== 0 || name === undefined) throw downloadError(wheel, code, output, details);
  return join(target, name);
}

/** A line of a requirements file that only one file in the world satisfies. */
function requirementOf({ distribution, version, sha256 }: Wheel): string {
  return `${distribution}==${version} --hash=sha256:${sha256}\n`;
}

// The tags are given, so that one wheel serves whatever Python runs pip.
function argumentsOf(wheel: Wheel, requirements: string, target: string, log: string): string[] {
  return [
    ...['download', '--no-deps', '--require-hashes', '--only-binary', ':all:', '--no-cache-dir'],
    ...['--python-version', wheel.python, '--implementation', 'cp', '--abi', wheel.abi],
    ...['--platform', wheel.platform, '--requirement', requirements, '--dest', target],
    ...['--log', log],
  ];
}

function pipEnvironment(environment: Environment, temporary: string): Environment {
  return {
    PIP_RETRIES: RETRIES,
    ...environment,
    TMPDIR: temporary,
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PIP_PROGRESS_BAR: 'off',
    PIP_REQUIRE_VIRTUALENV: '0',
  };
}

/** A wheel that a process fetched before it was killed. */
async function keptWheel(target: string, { sha256, bytes }: Wheel): Promise<string | undefined> {
  const [name] = await readdir(target).catch(() => []);
  if (name === undefined) return undefined;
  const path = join(target, name);
  const same = (await stat(path)).size === bytes && (await hashFile(path)) === sha256;
  return same ? path : undefined;
}

async function sizeOf(folder: string): Promise<number> {
  try {
    const names = await readdir(folder, { recursive: true });
    const stats = await Promise.all(names.map((name) => stat(join(folder, name))));
    return stats.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
  } catch {
    return 0; // a file went while it was looked at
  }
}

/** The disk was full: what was begun is of no use until there is room. */
export class DiskFullError extends UserError {}

const DISK_FULL = /No space left on device|Disk quota exceeded/i;

const CAUSES: readonly (readonly [RegExp, string])[] = [
  [
    /DO NOT MATCH THE HASHES|hash(es)? mismatch|Hash mismatch/i,
    'what the package index or a proxy sent is not the pinned file (its SHA-256 differs), and it was not kept; try again, and if it stays so, check PIP_INDEX_URL, PIP_FIND_LINKS and your proxy',
  ],
  [
    DISK_FULL,
    'the disk is full; free some space, or set XDG_CACHE_HOME to a folder on a larger disk',
  ],
  [
    // No comma before it: pip's log has milliseconds there, as in `02:23:53,401 ERROR`.
    /(?<!,)\b(401|403|407)\b (Client )?Error|error (401|403|407)|Forbidden|Unauthorized|Proxy Authentication/i,
    'the package index refuses access; check PIP_INDEX_URL, its credentials and your proxy (HTTPS_PROXY)',
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|SSLError/i,
    'the certificate of the package index is not trusted; set PIP_CERT to the certificates of your network',
  ],
  [
    /NewConnectionError|NameResolution|ConnectTimeout|ReadTimeout|timed out|Connection (broken|refused|reset|aborted)|ConnectionError|ProtocolError|ProxyError|IncompleteRead|Network is unreachable|Max retries|Cannot connect/i,
    'the package index cannot be reached; check the network and proxy (HTTPS_PROXY), name a mirror (PIP_INDEX_URL), or, without network, a folder that holds the wheel (PIP_FIND_LINKS)',
  ],
  [
    /No matching distribution|Could not find a version/i,
    'the package index or folder that pip is set to use does not have this file; check PIP_INDEX_URL, PIP_NO_INDEX and PIP_FIND_LINKS',
  ],
];

/** What the output of pip says of the cause, and how to mend it. */
export function causeOf(text: string): string | undefined {
  return CAUSES.find(([pattern]) => pattern.test(text))?.[1];
}

/** Why pip failed, as a message that says what to do. */
function downloadError(
  wheel: Wheel,
  code: number | null,
  output: string,
  details: string,
): UserError {
  const text = output + details;
  const cause = causeOf(text) ?? `pip ended with ${code === null ? 'a signal' : `code ${code}`}`;
  const { distribution, version, bytes } = wheel;
  const Kind = DISK_FULL.test(text) ? DiskFullError : UserError;
  return new Kind(
    `engine: cannot fetch ${distribution} ${version} (${megabytes(bytes)}): ${cause}. docs/setup.md says how to set up without network. pip said:\n${lastLines(output)}`,
  );
}

function lastLines(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(-4)
    .map((line) => `  ${line}`)
    .join('\n');
}
