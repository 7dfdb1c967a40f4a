import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { native } from './capi.ts';

/** What decides result bits on this machine, besides the experiment and our code. */
export interface Fingerprint {
  /** First 12 hex digits of the SHA-256 over the rest. */
  readonly id: string;
  readonly device: 'cpu' | 'gpu';
  /** SHA-256 of libtensorflow. */
  readonly library: string;
  /** Vendor, family and model of the CPU. */
  readonly cpu: string;
  /** Instruction sets that oneDNN and Eigen choose kernels by. */
  readonly features: readonly string[];
  /** Cache sizes by level: kernels block their sums by them. */
  readonly caches: readonly string[];
}

// Kernel choice in oneDNN and Eigen follows these; other flags do not reach a result.
const DECISIVE = /^(sse4_1|avx|avx2|fma|f16c|avx512\w*|avx_vnni\w*|avx10\w*|amx\w*)$/;

/** The fingerprint of this machine and the loaded library. Threads are not part of it. */
export function fingerprint(): Fingerprint {
  const { library } = native();
  const known = {
    device: library.device,
    library: library.sha256,
    ...processor(),
    caches: caches(),
  };
  return {
    id: createHash('sha256').update(JSON.stringify(known)).digest('hex').slice(0, 12),
    ...known,
  };
}

function processor(): Pick<Fingerprint, 'cpu' | 'features'> {
  const [first = ''] = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n');
  const field = (name: string) =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(first)?.[1]?.trim() ?? 'unknown';
  const isa = process.env.ONEDNN_MAX_CPU_ISA;
  const features = field('flags')
    .split(' ')
    .filter((flag) => DECISIVE.test(flag))
    .sort();
  return {
    cpu: `${field('vendor_id')} family ${field('cpu family')} model ${field('model')}`,
    features: isa === undefined ? features : [...features, `limited to ${isa}`],
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
      .filter((cache) => !cache.startsWith('L3')) // shared with other machines' guests; not used for blocking
      .sort();
  } catch {
    return []; // some containers hide it
  }
}
