import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { UserError } from '../../base/errors.ts';
import { isOlder } from './machine.ts';
import type { Device } from './pins.ts';

/** The oldest driver that runs CUDA 12 libraries (CUDA compatibility guide, minor versions). */
const DRIVER = '525.60.13';

/**
 * The build to use: what `REPRISE_DEVICE` says, else `gpu` where an NVIDIA driver is. The fingerprint
 * names it, as it decides result bits.
 * @throws UserError for another value, or a driver too old for CUDA 12
 */
export function chooseDevice(
  asked: string | undefined,
  driver: () => string | undefined = nvidiaDriver,
): Device {
  if (asked === 'cpu') return 'cpu';
  if (asked !== undefined && asked !== '' && asked !== 'gpu')
    throw new UserError(`REPRISE_DEVICE=${asked}: expected cpu or gpu, or nothing`);
  const version = driver();
  if (version !== undefined && version !== '' && isOlder(version, DRIVER))
    throw new UserError(
      `engine: the NVIDIA driver here is ${version}, and CUDA 12 needs ${DRIVER} or newer; update the driver, or set REPRISE_DEVICE=cpu`,
    );
  if (asked === 'gpu' && version === undefined)
    throw new UserError(
      'REPRISE_DEVICE=gpu, but there is no NVIDIA driver (no /proc/driver/nvidia/version, no libcuda.so.1); install it, or, in a container, start it with the GPU passed through',
    );
  return version === undefined ? 'cpu' : 'gpu';
}

/** Version of the NVIDIA driver, '' where one is but does not say; undefined without one. */
function nvidiaDriver(): string | undefined {
  try {
    return driverVersion(readFileSync('/proc/driver/nvidia/version', 'utf8'));
  } catch {
    return hasLibcuda() ? '' : undefined; // as in WSL 2
  }
}

/** The version in the text of `/proc/driver/nvidia/version`. */
export function driverVersion(text: string): string {
  return /^NVRM version:.*?\s(\d+(?:\.\d+)+)/m.exec(text)?.[1] ?? '';
}

function hasLibcuda(): boolean {
  try {
    koffi.load('libcuda.so.1').unload();
    return true;
  } catch {
    return false;
  }
}
