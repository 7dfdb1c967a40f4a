import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** Where the CPUID instructions of a build of libtensorflow lie. */
export const Places = z.strictObject({
  /** SHA-256 over the build's files, as the library's digest. */
  build: z.string(),
  /** By file name: hexadecimal offsets from where the library is mapped. */
  places: z.record(z.string(), z.array(z.string())),
});

/** One section of an ELF file: where it is mapped, and where it lies in the file. */
interface Section {
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * The CPUID instructions (0F A2) of a shared library for x86-64. The two bytes often stand inside
 * another instruction or its number, so each function that holds them is disassembled from its start,
 * which the table for unwinding stacks gives.
 * @throws where objdump is missing, or the file is not as lld and GNU ld write it.
 */
export function cpuidPlaces(path: string): number[] {
  const file = readFileSync(path);
  const sections = sectionsOf(file);
  const text = named(sections, '.text');
  const starts = functionStarts(file, named(sections, '.eh_frame_hdr'));
  const functions = new Map<number, number>(); // its start, and the last place in it
  const end = text.offset + text.size;
  for (let at = text.offset; ; at++) {
    at = file.indexOf('\x0f\xa2', at, 'latin1');
    if (at < 0 || at >= end) break;
    const address = at - text.offset + text.address;
    functions.set(lastAtOrBefore(starts, address), address);
  }
  return [...functions].flatMap(([start, last]) => {
    const from = start - text.address + text.offset;
    return cpuidsIn(file.subarray(from, from + last - start + 16), start);
  });
}

function sectionsOf(file: Buffer): ReadonlyMap<string, Section> {
  const table = Number(file.readBigUInt64LE(0x28));
  const [count, names] = [file.readUInt16LE(0x3c), file.readUInt16LE(0x3e)];
  const number = (index: number, field: number) =>
    Number(file.readBigUInt64LE(table + 64 * index + field));
  const strings = number(names, 0x18);
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const from = strings + file.readUInt32LE(table + 64 * i);
      const name = file.toString('latin1', from, file.indexOf(0, from));
      return [name, { address: number(i, 0x10), offset: number(i, 0x18), size: number(i, 0x20) }];
    }),
  );
}

function named(sections: ReadonlyMap<string, Section>, name: string): Section {
  const section = sections.get(name);
  if (section === undefined) throw new Error(`cpuid: the library has no section ${name}`);
  return section;
}

/** Ascending, from the sorted table of .eh_frame_hdr: 32-bit pairs, relative to the section. */
function functionStarts(file: Buffer, { address, offset }: Section): Float64Array {
  if (file.readUInt32LE(offset) !== 0x3b031b01)
    throw new Error('cpuid: .eh_frame_hdr has another form than version 1 with a sorted table');
  const count = file.readUInt32LE(offset + 8);
  return Float64Array.from(
    { length: count },
    (_, i) => address + file.readInt32LE(offset + 12 + 8 * i),
  );
}

function lastAtOrBefore(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  return sorted[low] ?? 0;
}

function cpuidsIn(code: Uint8Array, start: number): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'cpuid-'));
  try {
    const path = join(folder, 'function');
    writeFileSync(path, code);
    const form = ['-D', '-b', 'binary', '-m', 'i386:x86-64', `--adjust-vma=${start}`];
    const { status, stdout } = spawnSync('objdump', [...form, path], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    if (status !== 0) throw new Error('cpuid: objdump is needed to read code; install binutils');
    return [...stdout.matchAll(/^\s*([0-9a-f]+):\s.*\tcpuid/gm)].map(([, at]) =>
      Number.parseInt(at ?? '', 16),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
