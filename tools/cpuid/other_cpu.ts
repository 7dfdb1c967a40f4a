import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CPU_BUILD, digestOf, filesOf } from '../../harness/engine/library/pins.ts';
import { Places } from './places.ts';

/** A CPU that this machine is to stand for; what is left out stays as it is. Sizes in KiB of a core. */
export interface OtherCpu {
  readonly vendor?: 'GenuineIntel' | 'AuthenticAMD';
  readonly family?: number;
  readonly model?: number;
  readonly l1?: number;
  readonly l2?: number;
  readonly l3?: number;
  /** Threads that share the first two caches. */
  readonly smt?: number;
  /** Instruction sets that it lacks, with all above them. */
  readonly hide?: 'amx' | 'avx512' | 'avx2';
}

/** CPUs by the numbers that libtensorflow asks them for. */
export const CPUS = {
  this: {},
  'Zen 2 or 3 (AVX2, 32K, 512K)': {
    ...{ vendor: 'AuthenticAMD', family: 25, model: 1 },
    ...{ l1: 32, l2: 512, l3: 32768, hide: 'avx512' },
  },
  'Zen 4 (32K, 1M)': { vendor: 'AuthenticAMD', family: 25, model: 17, l1: 32, l2: 1024, l3: 32768 },
  'Zen 5 (48K, 1M)': { vendor: 'AuthenticAMD', family: 26, model: 2, l1: 48, l2: 1024, l3: 32768 },
  'Skylake (AVX2, 32K, 256K)': {
    ...{ vendor: 'GenuineIntel', family: 6, model: 94 },
    ...{ l1: 32, l2: 256, l3: 8192, smt: 2, hide: 'avx512' },
  },
  'Ice Lake (48K, 1.25M)': {
    ...{ vendor: 'GenuineIntel', family: 6, model: 106 },
    ...{ l1: 48, l2: 1280, l3: 49152, smt: 2 },
  },
  'Sapphire Rapids (48K, 2M)': {
    ...{ vendor: 'GenuineIntel', family: 6, model: 143 },
    ...{ l1: 48, l2: 2048, l3: 107520, smt: 2 },
  },
} as const satisfies Readonly<Record<string, OtherCpu>>;

/**
 * Variables under which a process sees another CPU: what libtensorflow asks it by CPUID, not what the
 * system tells in /proc and /sys. Undefined, with a word on stderr, where there is no gcc.
 * @throws where the places of the instruction are not known for the pinned library.
 */
export function otherCpu(cpu: OtherCpu): Readonly<Record<string, string>> | undefined {
  const library = compiled();
  if (library === undefined) return undefined;
  return {
    LD_AUDIT: library,
    CPUID_PLACES: knownPlaces(),
    CPUID_AS: Object.entries(cpu)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  };
}

let library: string | undefined;

function compiled(): string | undefined {
  if (library !== undefined) return library;
  const path = join(mkdtempSync(join(tmpdir(), 'cpuid-')), 'cpuid.so');
  const source = new URL('./cpuid.c', import.meta.url).pathname;
  const { status } = spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-o', path, source]);
  if (status === 0) library = path;
  else process.stderr.write('NOT CHECKED: bits on other CPUs; install gcc\n');
  return library;
}

function knownPlaces(): string {
  const file = new URL('./places.json', import.meta.url);
  const { build, places } = Places.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (build !== digestOf(filesOf(CPU_BUILD)))
    throw new Error('cpuid: places.json is of another libtensorflow; run scripts/cpuid_places.mjs');
  return Object.entries(places)
    .map(([name, offsets]) => `${name}:${offsets.join(',')}`)
    .join(';');
}
