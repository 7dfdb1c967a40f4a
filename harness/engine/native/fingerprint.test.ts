import { describe, expect, it } from 'vitest';
import { startEngine } from '../index.ts';
import { fingerprint, fingerprintOf, type Machine } from './fingerprint.ts';

const CPUINFO = `processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: a name
cpu MHz\t\t: 2400.000
flags\t\t: fpu sse4_1 avx avx2 fma avx512f avx512_bf16 hypervisor
bugs\t\t: none
`;

const library = { device: 'cpu', sha256: 'a'.repeat(64) } as const;
const machine: Machine = {
  lanes: 2,
  cpuinfo: CPUINFO,
  caches: ['L1 Data 48K', 'L2 Unified 1024K'],
  gpu: [],
  limit: undefined,
};

const idOf = (change: Partial<Machine> = {}) =>
  fingerprintOf(library, { ...machine, ...change }).id;

describe('fingerprint', () => {
  it('is that of this machine, each time', async () => {
    await startEngine();
    const found = fingerprint();
    expect(found).toEqual(fingerprint());
    expect(found.id).toMatch(/^[0-9a-f]{12}$/);
    expect(found.library).toMatch(/^[0-9a-f]{64}$/);
  });

  it('follows what decides bits', () => {
    const ids = [
      idOf(),
      idOf({ lanes: 4 }),
      idOf({ limit: 'AVX2' }),
      idOf({ limit: 'AVX2', numerics: 'portable' }),
      idOf({ cpuinfo: CPUINFO.replace(' avx512_bf16', '') }),
      idOf({ cpuinfo: CPUINFO.replace('model\t\t: 17', 'model\t\t: 1') }),
      idOf({ caches: ['L1 Data 32K', 'L2 Unified 1024K'] }),
      idOf({ gpu: ['NVIDIA H100', 'driver 570.1'] }),
      fingerprintOf({ ...library, device: 'gpu' }, machine).id,
      fingerprintOf({ ...library, sha256: 'b'.repeat(64) }, machine).id,
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('does not follow what does not', () => {
    const more = `${CPUINFO}\n${CPUINFO.replace('processor\t: 0', 'processor\t: 1')}`;
    expect(idOf({ cpuinfo: more })).toBe(idOf());
    expect(idOf({ cpuinfo: CPUINFO.replace('2400.000', '3100.000') })).toBe(idOf());
    expect(idOf({ cpuinfo: CPUINFO.replace('a name', 'another') })).toBe(idOf());
    expect(idOf({ cpuinfo: CPUINFO.replace('fpu ', 'fpu vme ') })).toBe(idOf());
    expect(idOf({ limit: 'avx2' })).toBe(idOf({ limit: 'AVX2' }));
  });
});
