import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';
import { sha256, sha256File, sha256Json, sha256Slowly } from './hash.ts';
import { stampFile, stampSha256 } from './stamp.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('SHA-256 of known inputs (FIPS 180-4)', () => {
  expect(sha256('')).toBe(EMPTY);
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(sha256(['a', Uint8Array.of(98), 'c'])).toBe(sha256('abc'));
});

test('crypto-js and node:crypto agree on any bytes, however they are cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
      const cut = [bytes.subarray(0, at), bytes.subarray(at)];
      expect(stampSha256(bytes)).toBe(sha256(bytes));
      expect(stampSha256(cut)).toBe(sha256(bytes));
    }),
    { seed: 1 },
  );
  const large = new Uint8Array((1 << 20) + 7).map((_, i) => i * 31);
  expect(stampSha256(large)).toBe(sha256(large));
});

test('a file hashes as its bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hash-'));
  const path = join(folder, 'file');
  const bytes = new Uint8Array(5_000_000).map((_, i) => i * 7);
  writeFileSync(path, bytes);
  expect(sha256File(path)).toBe(sha256(bytes));
  expect(stampFile(path)).toBe(sha256(bytes));
  rmSync(folder, { recursive: true });
});

test('hashing with pauses gives the same and lets other work go on', async () => {
  const large = new Uint8Array(20_000_000).map((_, i) => i * 13);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  expect(await sha256Slowly(['a', large, ''])).toBe(sha256(['a', large]));
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

test('canonical JSON: known text', () => {
  expect(canonicalJson({ b: [1, 2, null], a: { z: 'é"', y: true }, c: undefined })).toBe(
    '{"a":{"y":true,"z":"é\\""},"b":[1,2,null]}',
  );
  expect(canonicalJson([0.1, 1e21, 5e-324, -0, 30.0])).toBe('[0.1,1e+21,5e-324,0,30]');
});

test('canonical JSON refuses what JSON cannot hold and says where', () => {
  expect(() => canonicalJson({ a: [1, Number.NaN] })).toThrow('number NaN at .a[1]');
  expect(() => canonicalJson({ a: new Map() })).toThrow('a Map at .a');
  expect(() => canonicalJson(undefined)).toThrow('undefined at the top');
});

test('canonical JSON reads back to the value and does not depend on key order', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(JSON.parse(text))).toBe(text);
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(sha256Json(reversed)).toBe(sha256Json(value));
    }),
    { seed: 2 },
  );
});
