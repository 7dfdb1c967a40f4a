import { expect, test } from 'vitest';
import { CPU_BUILD, digestOf, filesOf } from '../library/pins.ts';
import { type Memory, pretendPlainCpu } from './portable.ts';
import { BUILDS } from './portable_tables.ts';

const sha256 = digestOf(filesOf(CPU_BUILD));
const library = { device: 'cpu', sha256 } as const;
const CPUINFO = 'flags\t\t: fpu sse4_2 popcnt movbe avx f16c fma avx2 bmi1 bmi2 abm\n';
const tables = BUILDS[sha256]?.tables ?? [];
const BASE = { cc: 0x7000_0000_0000n, framework: 0x7100_0000_0000n };

/** Memory as it is right after loading. */
function fresh(): { readonly bytes: Map<bigint, number>; readonly memory: Memory } {
  const bytes = new Map<bigint, number>();
  const write = (address: bigint, data: Uint8Array) => {
    for (const [i, byte] of data.entries()) bytes.set(address + BigInt(i), byte);
  };
  for (const { file, code, at, guard } of tables) {
    if (code) write(BASE[file] + BigInt(code.at), Buffer.from(code.bytes, 'hex'));
    if (guard === undefined) write(BASE[file] + BigInt(at), Uint8Array.of(0, 128));
  }
  const read = (address: bigint, count: number) =>
    Uint8Array.from({ length: count }, (_, i) => bytes.get(address + BigInt(i)) ?? 0);
  return { bytes, memory: { baseOf: (file) => BASE[file], read, write } };
}

test('fills every table and says that it is made', () => {
  const { memory } = fresh();
  pretendPlainCpu(library, memory, CPUINFO);
  expect(tables.length).toBeGreaterThan(0);
  for (const { file, at, guard, content } of tables) {
    expect(memory.read(BASE[file] + BigInt(at), content.length)).toEqual(content);
    if (guard !== undefined) expect(memory.read(BASE[file] + BigInt(guard), 1)[0]).toBe(1);
  }
});

test('a table that was made already is overwritten', () => {
  const { memory } = fresh();
  pretendPlainCpu(library, memory, CPUINFO);
  pretendPlainCpu(library, memory, CPUINFO);
});

const broken: [string, (bytes: Map<bigint, number>) => void][] = tables.flatMap(
  ({ name, file, code, at, guard }, i) => {
    const changes: [string, (bytes: Map<bigint, number>) => void][] = [
      guard === undefined
        ? [`${i} ${name}: nothing there`, (bytes) => bytes.clear()]
        : [`${i} ${name}: something there`, (bytes) => bytes.set(BASE[file] + BigInt(at), 7)],
    ];
    if (code !== undefined)
      changes.push([
        `${i} ${name}: other code`,
        (bytes) => bytes.set(BASE[file] + BigInt(code.at), 0x90),
      ]);
    return changes;
  },
);

test.each(broken)('refuses to write over what it does not know: %s', (_, change) => {
  const { bytes, memory } = fresh();
  change(bytes);
  expect(() => pretendPlainCpu(library, memory, CPUINFO)).toThrow(/^portable: /);
});

test('refuses a CPU without AVX2, a GPU and an unknown build, with the reason', () => {
  const { memory } = fresh();
  expect(() => pretendPlainCpu(library, memory, CPUINFO.replace(' avx2 ', ' '))).toThrow(
    /^numerics: portable .* this CPU lacks avx2; use native$/,
  );
  expect(() => pretendPlainCpu({ ...library, device: 'gpu' }, memory, CPUINFO)).toThrow(
    /^numerics: portable is for CPUs/,
  );
  const other = { ...library, sha256: 'a'.repeat(64) };
  expect(() => pretendPlainCpu(other, memory, CPUINFO)).toThrow(
    /^numerics: portable knows the tables of the pinned libtensorflow alone/,
  );
});
