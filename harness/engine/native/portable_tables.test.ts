import { closeSync, openSync, readSync } from 'node:fs';
import { expect, test } from 'vitest';
import { provision } from '../library/index.ts';
import { CPU_BUILD, digestOf, filesOf } from '../library/pins.ts';
import { BUILDS } from './portable_tables.ts';

const build = BUILDS[digestOf(filesOf(CPU_BUILD))];

/** Addresses of the symbols of these names in an ELF file, local ones too. */
function addressesOf(path: string, names: ReadonlySet<string>): Map<string, number[]> {
  const file = openSync(path, 'r');
  const read = (offset: number, bytes: number) => {
    const data = Buffer.alloc(bytes);
    readSync(file, data, 0, bytes, offset);
    return data;
  };
  const head = read(0, 64);
  const sections = read(Number(head.readBigUInt64LE(0x28)), 64 * head.readUInt16LE(0x3c));
  const found = new Map<string, number[]>();
  for (let at = 0; at < sections.length; at += 64) {
    if (sections.readUInt32LE(at + 4) !== 2) continue; // SHT_SYMTAB
    const part = (i: number) => {
      const [offset, size] = [0x18, 0x20].map((field) =>
        Number(sections.readBigUInt64LE(64 * i + field)),
      );
      return read(offset ?? 0, size ?? 0);
    };
    const symbols = part(at / 64);
    const strings = part(sections.readUInt32LE(at + 0x28));
    const wanted = new Map<number, string>();
    for (const name of names) {
      const text = `\0${name}\0`; // once for each source file that has it
      for (let place = -1; ; ) {
        place = strings.indexOf(text, place + 1, 'latin1');
        if (place < 0) break;
        wanted.set(place + 1, name);
      }
    }
    for (let symbol = 0; symbol < symbols.length; symbol += 24) {
      const name = wanted.get(symbols.readUInt32LE(symbol));
      if (name === undefined) continue;
      const address = Number(symbols.readBigUInt64LE(symbol + 8));
      found.set(name, [...(found.get(name) ?? []), address]);
    }
  }
  closeSync(file);
  return found;
}

test('the pinned build is known', () => expect(build).toBeDefined());

test.each(['cc', 'framework'] as const)('tables lie where symbols of %s say', async (file) => {
  const library = await provision();
  if (build === undefined || library.sha256 !== digestOf(filesOf(CPU_BUILD))) return;
  const tables = build.tables.filter((table) => table.file === file);
  const guardOf = (name: string) => name.replace('_ZZ', '_ZGVZ');
  const anchor = build.anchors[file];
  const names = tables.flatMap(({ name }) => [name, guardOf(name)]);
  const found = addressesOf(library[file], new Set([...names, anchor.symbol]));
  expect(found.get(anchor.symbol)).toEqual([anchor.offset]);
  for (const { name, at, guard } of tables) {
    expect(found.get(name)).toContain(at);
    if (guard !== undefined) expect(found.get(guardOf(name))).toContain(guard);
  }
});

test('all tables of that name are filled', async () => {
  const library = await provision();
  const name = '_ZN10tensorflowL11cache_sizesE';
  const known = build?.tables.filter((table) => table.name === name).map(({ at }) => at);
  expect(
    addressesOf(library.cc, new Set([name]))
      .get(name)
      ?.sort(),
  ).toEqual(known?.sort());
});
