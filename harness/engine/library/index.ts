import { accessSync, constants, existsSync } from 'node:fs';
import { lstat, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cacheHome } from '../../base/cache_home.ts';
import { UserError } from '../../base/errors.ts';
import { makeFolders } from '../../base/folders.ts';
import { withLock } from '../../base/lock.ts';
import { fault, missingFiles, openDirectory, rememberDirectory } from './directory.ts';
import { chooseDevice } from './driver.ts';
import { fetchBuild } from './fetch.ts';
import { checkMachine, checkSystem, type Machine, thisMachine } from './machine.ts';
import { checkMount } from './mount.ts';
import {
  type Build,
  CC,
  CPU_BUILD,
  type Device,
  digestOf,
  FRAMEWORK,
  filesOf,
  VERSION,
} from './pins.ts';
import { GPU_BUILD } from './pins_gpu.ts';
import { type Environment, findPython, installedFolders } from './python.ts';
import { megabytes, type Terminal } from './transfer.ts';

/** A libtensorflow on this machine, ready to be loaded. */
export interface Library {
  readonly directory: string;
  /** Absolute paths of the two libraries; `framework` is loaded first. */
  readonly framework: string;
  readonly cc: string;
  readonly device: Device;
  readonly version: typeof VERSION;
  /** SHA-256 over the SHA-256 of the build's files: which build computes, for the fingerprint. */
  readonly sha256: string;
  /** NVIDIA libraries to load before, in this order; none on CPU. */
  readonly preload: readonly string[];
}

export interface ProvisionOptions {
  /** Variables to read instead of the process's own. */
  readonly environment?: Environment;
  /** What to find or fetch instead of the pinned build. */
  readonly build?: Build;
  /** What to check instead of this machine. */
  readonly machine?: Machine;
  /** Where progress is shown: stderr, unless given. */
  readonly terminal?: Terminal;
}

interface Setting {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly machine: () => Machine;
  readonly cache: string;
}

/** A folder that nobody can make. */
const NOWHERE = '/dev/null/reprise';
const LIBRARIES = [FRAMEWORK, CC] as const;
const BUILDS: Readonly<Record<Device, Build>> = { cpu: CPU_BUILD, gpu: GPU_BUILD };

/**
 * Finds libtensorflow, or fetches it: `REPRISE_TENSORFLOW_DIR`, then the user's cache
 * (`XDG_CACHE_HOME`), then an installed Python package, then the pinned wheels through pip. Any
 * number of processes may do so at once: one fetches, the others wait for it.
 * @throws UserError saying what is wrong and how to mend it
 */
export async function provision(options: ProvisionOptions = {}): Promise<Library> {
  checkSystem(options.machine ?? process);
  const environment = options.environment ?? process.env;
  const setting = {
    environment,
    terminal: options.terminal ?? process.stderr,
    machine: () => options.machine ?? thisMachine(),
    cache: cacheRoot(environment),
  };
  const explicit = environment.REPRISE_TENSORFLOW_DIR;
  if (explicit) return openExplicit(resolve(explicit), setting.cache, environment.REPRISE_DEVICE);
  const build = options.build ?? BUILDS[chooseDevice(environment.REPRISE_DEVICE)];
  const directory = join(setting.cache, build.folder);
  const state = await stateOf(build, directory, setting.cache);
  if (state !== 'good') await provideLocked(build, directory, setting);
  return libraryOf(build, directory);
}

/** Fills the cache's folder while no other process does. */
async function provideLocked(build: Build, directory: string, setting: Setting): Promise<void> {
  const { cache, terminal } = setting;
  checkMachine(setting.machine());
  makeCache(cache);
  const waiting = () => terminal.write('engine: another process sets up libtensorflow; waiting\n');
  await withLock(`${directory}.lock`, waiting, async () => {
    const state = await stateOf(build, directory, cache);
    if (state === 'good') return;
    if (state === 'damaged') await removeDamaged(build, directory, terminal);
    if (await isEntry(directory)) await rm(directory, { recursive: true });
    const python = findPython(setting.environment);
    if (python === undefined)
      throw new UserError(
        'engine: no Python 3 (3.8 or newer) in PATH, which fetches TensorFlow with its pip; install it (`apt install python3 python3-pip`), or set REPRISE_TENSORFLOW_DIR to a folder that holds the libraries',
      );
    if (await linkInstalled(build, directory, python, setting)) return;
    checkMount(cache);
    const bytes = build.wheels.reduce((sum, wheel) => sum + wheel.bytes, 0);
    terminal.write(
      `engine: fetching TensorFlow ${VERSION} for ${build.device} with pip, once: ${megabytes(bytes)}, into ${directory}\n`,
    );
    await fetchBuild(build, directory, { ...setting, python });
    rememberDirectory(directory, filesOf(build), cache);
  });
}

type State = 'good' | 'damaged' | 'missing';

/** Cheap once its answer is remembered: file sizes and times, no reading. */
async function stateOf(build: Build, directory: string, cache: string): Promise<State> {
  const files = filesOf(build);
  const names = files.map(({ name }) => name);
  const missing = missingFiles(directory, names);
  if (missing.length > 0) return missing.length === names.length ? 'missing' : 'damaged';
  const same = (await openDirectory(directory, names, cache)) === digestOf(files);
  return same ? 'good' : 'damaged';
}

async function removeDamaged(build: Build, directory: string, terminal: Terminal): Promise<void> {
  for (const file of filesOf(build)) {
    const found = await fault(directory, file);
    if (found !== undefined)
      terminal.write(`engine: the cache is damaged: ${found}; setting it up again\n`);
  }
  await rm(directory, { recursive: true, force: true });
}

/** An installed package of the very same files is used where it is, by a link in the cache. */
async function linkInstalled(
  build: Build,
  directory: string,
  python: string,
  { environment, cache, terminal }: Setting,
): Promise<boolean> {
  for (const found of installedFolders(python, environment, VERSION, build.distributions)) {
    const root = build.libraries === '' ? found : dirname(found);
    if ((await stateOf(build, root, cache)) !== 'good') continue;
    try {
      await symlink(root, directory);
    } catch {
      return false; // a cache without links gets a copy of its own
    }
    terminal.write(`engine: using the TensorFlow ${VERSION} that is installed in ${root}\n`);
    return (await stateOf(build, directory, cache)) === 'good';
  }
  return false;
}

function libraryOf(build: Build, root: string): Library {
  const directory = join(root, build.libraries);
  return {
    ...pathsIn(directory),
    device: build.device,
    sha256: digestOf(filesOf(build)),
    preload: build.preload.map((name) => join(root, name)),
  };
}

/**
 * A folder that the user names is taken as it is. Its libraries may be the user's own build: which
 * one it was is in the fingerprint.
 */
async function openExplicit(
  directory: string,
  cache: string,
  asked: string | undefined,
): Promise<Library> {
  const missing = missingFiles(directory, LIBRARIES);
  if (missing.length > 0) {
    throw new UserError(
      `REPRISE_TENSORFLOW_DIR=${directory} has no ${missing.join(' and no ')}; name the folder that holds both, or unset it`,
    );
  }
  const sha256 = await openDirectory(directory, LIBRARIES, cache);
  const device = sha256 === digestOf(filesOf(CPU_BUILD)) ? 'cpu' : chooseDevice(asked);
  if (device === 'cpu') return { ...pathsIn(directory), device, sha256, preload: [] };
  const root = dirname(directory);
  const names = filesOf(GPU_BUILD).map(({ name }) => name);
  const found = names.filter((name) => existsSync(join(root, name)));
  return {
    ...pathsIn(directory),
    device,
    sha256: found.length === 0 ? sha256 : await openDirectory(root, found, cache),
    preload: GPU_BUILD.preload
      .filter((name) => found.includes(name))
      .map((name) => join(root, name)),
  };
}

function pathsIn(directory: string): Omit<Library, 'device' | 'sha256' | 'preload'> {
  const [framework, cc] = [join(directory, FRAMEWORK), join(directory, CC)];
  return { directory, framework, cc, version: VERSION };
}

function makeCache(cache: string): void {
  try {
    makeFolders(cache);
    accessSync(cache, constants.W_OK);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `engine: cannot write the cache folder ${cache} (${reason}); set XDG_CACHE_HOME to a folder that you can write`,
      { cause },
    );
  }
}

async function isEntry(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Without a home directory, libraries that the user names are checked anew at every start. */
function cacheRoot(environment: Environment): string {
  const home = cacheHome(environment);
  if (home === undefined && environment.REPRISE_TENSORFLOW_DIR) return NOWHERE;
  if (home === undefined)
    throw new UserError(
      'engine: this user has no home directory to keep TensorFlow in; set HOME or XDG_CACHE_HOME to a folder that you can write',
    );
  return join(home, 'reprise');
}
