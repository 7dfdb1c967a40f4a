import { readFileSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import { VERSION } from './pins.ts';

/** What the pinned wheels ask of a machine. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Version of the GNU C library; undefined where another one runs (musl). */
  readonly glibc: string | undefined;
  /** Whether the CPU has AVX; undefined where the system does not say. */
  readonly avx: boolean | undefined;
}

const GLIBC = '2.27';
const LINUX = `a Linux machine, container or WSL 2 on x64`;

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return { platform: process.platform, arch: process.arch, glibc: glibcVersion(), avx: hasAvx() };
}

/**
 * The part that costs nothing, checked at every start.
 * @throws UserError where no build of TensorFlow is for this system.
 */
export function checkSystem({ platform, arch }: Pick<Machine, 'platform' | 'arch'>): void {
  if (platform !== 'linux')
    throw new UserError(
      `engine: TensorFlow ${VERSION} is used here as built for Linux, and this system is ${platform}; use ${LINUX}`,
    );
  if (arch !== 'x64')
    throw new UserError(
      `engine: the pinned TensorFlow ${VERSION} is built for x64, and Node runs here as ${arch}; use ${LINUX}, with Node built for x64`,
    );
}

/**
 * Everything that the pinned wheels need, checked before they are fetched and when loading fails.
 * @throws UserError naming what this machine lacks and what to use instead.
 */
export function checkMachine(machine: Machine): void {
  checkSystem(machine);
  const { glibc, avx } = machine;
  if (glibc === undefined)
    throw new UserError(
      `engine: TensorFlow ${VERSION} needs the GNU C library, and this system has another one (musl, as in Alpine); use a Debian, Ubuntu or Fedora system or image`,
    );
  if (isOlder(glibc, GLIBC))
    throw new UserError(
      `engine: TensorFlow ${VERSION} needs glibc ${GLIBC} or newer, and this system has ${glibc}; use a newer system or container, such as Debian 10, Ubuntu 20.04 or later`,
    );
  if (avx === false)
    throw new UserError(
      `engine: TensorFlow ${VERSION} needs a CPU with AVX, and this one reports none; in a virtual machine, pass the host's CPU model through`,
    );
}

/** Compares dotted version numbers. */
export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (let i = 0; i < Math.max(a?.length ?? 0, b?.length ?? 0); i++) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function glibcVersion(): string | undefined {
  // Without this the report looks up the names of all open connections.
  Object.assign(process.report, { excludeNetwork: true });
  const report: unknown = process.report.getReport();
  const header = record(record(typeof report === 'string' ? JSON.parse(report) : report).header);
  const version = header.glibcVersionRuntime;
  return typeof version === 'string' ? version : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function hasAvx(): boolean | undefined {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    return flags?.split(' ').includes('avx');
  } catch {
    return undefined;
  }
}
