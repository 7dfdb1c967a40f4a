import { readFileSync } from 'node:fs';
import { UserError } from '../../base/errors.ts';
import type { Device } from '../library/pins.ts';
import { BUILDS, type Build, type Table } from './portable_tables.ts';

/** What a CPU must have for `numerics: portable`, as /proc/cpuinfo names it: x86-64-v3. */
const NEEDED = 'sse4_2 popcnt movbe avx f16c fma avx2 bmi1 bmi2 abm'.split(' ');

/** What libtensorflow is told of the CPU, in memory of this process. */
export interface Memory {
  /** Where the library lies that has this function. */
  readonly baseOf: (file: Table['file'], symbol: string, offset: number) => bigint;
  readonly read: (address: bigint, bytes: number) => Uint8Array;
  readonly write: (address: bigint, data: Uint8Array) => void;
}

/**
 * Variables of `numerics: portable`. oneDNN then chooses among its kernels for AVX2 alone, and so does
 * XLA; whatever a shell says of them is overruled.
 */
export const PORTABLE_ENVIRONMENT: Readonly<Record<string, string>> = {
  ONEDNN_MAX_CPU_ISA: 'AVX2',
  XLA_FLAGS: '--xla_cpu_max_isa=AVX2',
};

/**
 * Writes into the freshly loaded library what it would find out about the CPU at its first use: the
 * sizes of caches, vendor and instruction sets of one plain CPU, by which oneDNN and Eigen then choose
 * kernels and block sums. The tables are found by their addresses in the one build that is known.
 * @throws UserError for a CPU without AVX2, a GPU, and a build whose tables are not known; Error where
 *   something else lies there.
 */
export function pretendPlainCpu(
  { device, sha256 }: { readonly device: Device; readonly sha256: string },
  memory: Memory,
  cpuinfo = readFileSync('/proc/cpuinfo', 'utf8'),
): void {
  if (device !== 'cpu')
    throw new UserError(
      'numerics: portable is for CPUs: libtensorflow computes on a GPU here, whose kernels differ by model; use native, or REPRISE_DEVICE=cpu',
    );
  checkCpu(cpuinfo);
  const build = BUILDS[sha256];
  if (build === undefined)
    throw new UserError(
      `numerics: portable knows the tables of the pinned libtensorflow alone, and this one has the SHA-256 ${sha256}; unset REPRISE_TENSORFLOW_DIR, or use native`,
    );
  for (const table of build.tables) fill(table, baseOf(build, table, memory), memory);
}

function checkCpu(cpuinfo: string): void {
  const has = new Set(/^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(' '));
  const lacking = NEEDED.filter((flag) => !has.has(flag));
  if (lacking.length === 0) return;
  throw new UserError(
    `numerics: portable computes with AVX2 and what came with it, and this CPU lacks ${lacking.join(', ')}; use native`,
  );
}

function baseOf({ anchors }: Build, { file }: Table, { baseOf: find }: Memory): bigint {
  const { symbol, offset } = anchors[file];
  const base = find(file, symbol, offset);
  if (base % 4096n !== 0n) throw new Error(`portable: ${symbol} of ${file} is not at ${offset}`);
  return base;
}

function fill({ name, code, at, content, guard }: Table, base: bigint, memory: Memory): void {
  if (code !== undefined) {
    const found = Buffer.from(memory.read(base + BigInt(code.at), code.bytes.length / 2));
    if (found.toString('hex') !== code.bytes)
      throw new Error(`portable: ${name}: other code than expected is at ${code.at.toString(16)}`);
  }
  const before = memory.read(base + BigInt(at), content.byteLength);
  // The byte is 0 where nobody has asked yet, and 1 where the table is made and is not made again.
  const [made = 255] = guard === undefined ? [1] : memory.read(base + BigInt(guard), 1);
  if (made > 1 || before.some((byte) => byte !== 0) !== (made === 1))
    throw new Error(`portable: ${name}: no such table lies at ${at.toString(16)}`);
  memory.write(base + BigInt(at), content);
  if (guard !== undefined) memory.write(base + BigInt(guard), Uint8Array.of(1));
}
