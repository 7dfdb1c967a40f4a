import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { heldNumerics, type Numerics } from '../arithmetic.ts';
import { heldLanes } from '../lanes.ts';
import { liberties } from '../liberties.ts';
import type { Device } from '../library/pins.ts';
import { native } from './capi.ts';

/** What decides result bits on this machine, besides the experiment and our code. */
export interface Fingerprint {
  /** First 12 hex digits of the SHA-256 over the rest. */
  readonly id: string;
  readonly device: Device;
  /** SHA-256 of libtensorflow. */
  readonly library: string;
  /** oneDNN's kernels are always on: the environment is fixed before the library loads. */
  readonly onednn: 'on';
  /** Parts that the work inside an op is cut into: the experiment's `lanes`. */
  readonly lanes: number;
  /** Vendor, family and model of the CPU. */
  readonly cpu: string;
  /** Instruction sets that oneDNN and Eigen choose kernels by; `portable` where they choose by one plain CPU. */
  readonly features: readonly string[];
  /** Cache sizes of a core by level: kernels block their sums by them. */
  readonly caches: readonly string[];
  /** Models of the graphics processors and their driver; nothing on a CPU. */
  readonly gpu: readonly string[];
}

/** Where a fingerprint looks. */
export interface Machine {
  readonly lanes: number;
  readonly cpuinfo: string;
  readonly caches: readonly string[];
  readonly gpu: readonly string[];
  readonly numerics?: Numerics;
  /** ONEDNN_MAX_CPU_ISA. */
  readonly limit: string | undefined;
}

// Kernel choice in oneDNN and Eigen follows these; other flags do not reach a result.
const DECISIVE = /^(sse4_1|avx|avx2|fma|f16c|avx512\w*|avx_vnni\w*|avx10\w*|amx\w*)$/;

/**
 * The fingerprint of this machine and the loaded library. Not in it, because tests show that no bit
 * follows them: number of cores and threads, host, Node version, order of processes.
 */
export function fingerprint(): Fingerprint {
  if (liberties() !== undefined)
    throw new Error(
      'engine: this process computes without order; its numbers are good for nothing',
    );
  const { library } = native();
  return fingerprintOf(library, {
    lanes: heldLanes(),
    cpuinfo: readFileSync('/proc/cpuinfo', 'utf8'),
    caches: caches(),
    gpu: library.device === 'gpu' ? graphics() : [],
    numerics: heldNumerics(),
    limit: process.env.ONEDNN_MAX_CPU_ISA,
  });
}

/** The fingerprint of a machine as described. */
export function fingerprintOf(
  { device, sha256 }: { readonly device: Device; readonly sha256: string },
  machine: Machine,
): Fingerprint {
  const known = {
    ...({ device, library: sha256, onednn: 'on', lanes: machine.lanes } as const),
    ...processor(machine),
    caches: machine.caches,
    gpu: machine.gpu,
  };
  return {
    id: createHash('sha256').update(JSON.stringify(known)).digest('hex').slice(0, 12),
    ...known,
  };
}

function processor({ cpuinfo, limit, numerics }: Machine): Pick<Fingerprint, 'cpu' | 'features'> {
  const [first = ''] = cpuinfo.split('\n\n');
  const field = (name: string) =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(first)?.[1]?.trim() ?? 'unknown';
  const features = field('flags')
    .split(' ')
    .filter((flag) => DECISIVE.test(flag))
    .sort();
  const limited = limit === undefined ? [] : [`limited to ${limit.toUpperCase()}`];
  return {
    cpu: `${field('vendor_id')} family ${field('cpu family')} model ${field('model')}`,
    features: [...features, ...(numerics === 'portable' ? ['portable'] : limited)],
  };
}

function caches(): string[] {
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  const read = (entry: string, name: string) =>
    readFileSync(`${folder}/${entry}/${name}`, 'utf8').trim();
  try {
    return readdirSync(folder)
      .filter((entry) => entry.startsWith('index'))
      .map((entry) => `L${read(entry, 'level')} ${read(entry, 'type')} ${read(entry, 'size')}`)
      .filter((cache) => !cache.startsWith('L3')) // 1 MiB and 16 MiB a core gave the same bits
      .sort();
  } catch {
    return ['hidden']; // some hypervisors and containers do not tell
  }
}

/** NVIDIA's driver describes itself and its devices here. */
function graphics(): string[] {
  try {
    const version = readFileSync('/proc/driver/nvidia/version', 'utf8');
    const driver = /Kernel Module[^\d]*([\d.]+)/.exec(version)?.[1] ?? 'unknown';
    const folder = '/proc/driver/nvidia/gpus';
    const models = readdirSync(folder).map((bus) => {
      const text = readFileSync(`${folder}/${bus}/information`, 'utf8');
      return /^Model:\s*(.*)$/m.exec(text)?.[1]?.trim() ?? 'unknown';
    });
    return [...models.sort(), `driver ${driver}`];
  } catch {
    return ['hidden'];
  }
}
