import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { missingFiles, openDirectory } from './directory.ts';
import { CC, type Device, FRAMEWORK, VERSION } from './pins.ts';

/** A libtensorflow on this machine, ready to be loaded. */
export interface Library {
  readonly directory: string;
  /** Absolute paths of the two libraries; `framework` is loaded first. */
  readonly framework: string;
  readonly cc: string;
  readonly device: Device;
  readonly version: typeof VERSION;
  /** SHA-256 over the SHA-256 of both libraries: which build computes, for the fingerprint. */
  readonly sha256: string;
  /** NVIDIA libraries to load before, in this order; none on CPU. */
  readonly preload: readonly string[];
}

export interface ProvisionOptions {
  /** Variables to read instead of the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Finds libtensorflow, or fetches it: `REPRISE_TENSORFLOW_DIR`, then the user's cache.
 * @throws UserError saying what is wrong and how to mend it
 */
export async function provision(options: ProvisionOptions = {}): Promise<Library> {
  const environment = options.environment ?? process.env;
  const explicit = environment.REPRISE_TENSORFLOW_DIR;
  if (explicit) return openExplicit(resolve(explicit), environment);
  const cached = join(cacheRoot(environment), `tensorflow-${VERSION}-cpu`);
  if (missingFiles(cached).length === 0) return openExplicit(cached, environment);
  throw new UserError(`engine: no libtensorflow in ${cached}; set REPRISE_TENSORFLOW_DIR`);
}

async function openExplicit(
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Library> {
  const missing = missingFiles(directory);
  if (missing.length > 0) {
    throw new UserError(
      `REPRISE_TENSORFLOW_DIR=${directory} has no ${missing.join(' and no ')}; name the folder that holds both, or unset it`,
    );
  }
  return {
    directory,
    framework: join(directory, FRAMEWORK),
    cc: join(directory, CC),
    device: 'cpu',
    version: VERSION,
    sha256: await openDirectory(directory, cacheRoot(environment)),
    preload: [],
  };
}

function cacheRoot(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'reprise');
}
