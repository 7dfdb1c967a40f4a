import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type HostArray, hostArray } from '../../engine/array.ts';
import { writeSafetensors } from '../../weights/safetensors.ts';
import { distance } from './agreement.ts';
import { findCases, lineOf, type ParityCase, type Result, runParity } from './run.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'parity-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const floats = (...values: number[]) =>
  hostArray('float32', [values.length], Float32Array.from(values));

/** A case of one input `in.x` and one expected `step1.out.y`, which `change` may spoil. */
async function write(name: string, change: (json: Record<string, unknown>) => void = () => {}) {
  const tensors = new Map([
    ['in.x', floats(1, 2)],
    ['step1.out.y', floats(2, 4)],
  ]);
  const entry = (role: string) => ({ role, dtype: 'float32', shape: [2] });
  const json = {
    case: name,
    method: 'twice',
    hyper_parameters: { factor: 2 },
    tolerances: { out: { kind: 'relative_to_max', value: 1e-4 } },
    tensors: { 'in.x': entry('input'), 'step1.out.y': entry('expected') },
  };
  change(json);
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
  await writeSafetensors(join(folder, `${name}.safetensors`), { tensors, metadata: {} });
}

const scaled = (x: HostArray, factor: number) =>
  floats(...[...(x.data as Float32Array)].map((value) => value * factor));

function twice(error: number): ParityCase {
  return {
    methods: ['twice'],
    run: async (fixture, comparisons) => {
      const { factor } = fixture.field('hyper_parameters', z.strictObject({ factor: z.number() }));
      comparisons.add('step1.out.y', scaled(fixture.input('in.x'), factor + error));
    },
  };
}

async function only(name: string, error = 0): Promise<Result> {
  for await (const result of runParity(folder, [twice(error)], [name])) return result;
  throw new Error('no result');
}

describe('distance', () => {
  const measure = (kind: 'relative' | 'relative_to_max' | 'absolute' | 'exact') =>
    distance([1.1, 10], [1, 10], { kind, value: 0.1, absolute: 0 }).error;

  it('has four measures', () => {
    expect(measure('relative')).toBeCloseTo(0.1);
    expect(measure('relative_to_max')).toBeCloseTo(0.01);
    expect(measure('absolute')).toBeCloseTo(0.1);
    expect(measure('exact')).toBe(1);
  });

  it('takes NaN and a difference from nothing for infinite', () => {
    const tolerance = { kind: 'relative', value: 1, absolute: 0 } as const;
    expect(distance([Number.NaN], [1], tolerance).ratio).toBe(Number.POSITIVE_INFINITY);
    expect(distance([1], [0], tolerance).ratio).toBe(Number.POSITIVE_INFINITY);
    expect(distance([0], [0], tolerance).ratio).toBe(0);
  });
});

describe('findCases', () => {
  const code = (kind: string) => `{ methods: ['${kind}'], run: async () => {} }`;
  const modules = (name: string, texts: Readonly<Record<string, string>>) => {
    const inner = join(folder, name);
    mkdirSync(inner);
    for (const [file, text] of Object.entries(texts)) writeFileSync(join(inner, file), text);
    return inner;
  };

  it('takes cases alone and in lists, each once, and nothing else', async () => {
    const found = await findCases(
      modules('cases', {
        'a.ts': `export const first = ${code('one')}; export const PARTS = ['x'];`,
        'b.ts': `export const two = ${code('two')}; export const all = [two, ${code('three')}];`,
        'b.test.ts': `export const four = ${code('four')};`,
      }),
    );
    expect(found.map(({ methods }) => methods)).toEqual([['one'], ['two'], ['three']]);
  });

  it('refuses two of one kind', async () => {
    const twice = modules('twice', {
      'a.ts': `export const one = ${code('one')};`,
      'b.ts': `export const also = ${code('one')};`,
    });
    await expect(findCases(twice)).rejects.toThrow('b.ts: a second case runs one');
  });
});

describe('runParity', () => {
  it('passes within the bound and names the worst tensor', async () => {
    await write('good');
    const result = await only('good', 1e-5);
    expect(result.pass).toBe(true);
    expect(lineOf(result)).toMatch(/^PASS good worst=\d\.\d\de-6 at step1\.out\.y$/);
  });

  it('fails beyond it', async () => {
    await write('off');
    expect(lineOf(await only('off', 1e-3))).toMatch(/^FAIL off worst=5\.00e-4 at step1\.out\.y$/);
  });

  it.each<[string, (json: Record<string, unknown>) => void, RegExp]>([
    ['unknown option', (json) => (json.hyper_parameters = { factor: 2, bias: 1 }), /bias/],
    ['unknown kind', (json) => (json.method = 'thrice'), /not supported yet: thrice/],
    [
      'missing tensor',
      (json) =>
        Object.assign(json.tensors as object, {
          'step1.out.z': { role: 'expected', dtype: 'float32', shape: [2] },
        }),
      /tensor is missing: step1\.out\.z/,
    ],
    [
      'wrong shape',
      (json) =>
        Object.assign(json.tensors as object, {
          'in.x': { role: 'input', dtype: 'float32', shape: [3] },
        }),
      /in\.x: found float32 \[2\], the table says float32 \[3\]/,
    ],
    [
      'missing input',
      (json) =>
        Object.assign(json.tensors as object, {
          'in.x': { role: 'expected', dtype: 'float32', shape: [2] },
        }),
      /input is missing: in\.x/,
    ],
    ['missing tolerances', (json) => (json.tolerances = undefined), /tolerances/],
  ])('names trouble: %s', async (title, change, message) => {
    const name = title.replace(' ', '_');
    await write(name, change);
    expect(lineOf(await only(name))).toMatch(message);
    expect((await only(name)).pass).toBe(false);
  });

  it('fails a case whose files are damaged or missing', async () => {
    writeFileSync(join(folder, 'damaged.json'), '{');
    expect(lineOf(await only('damaged'))).toMatch(/^FAIL damaged .*cannot be read/);
    await write('alone');
    rmSync(join(folder, 'alone.safetensors'));
    expect(lineOf(await only('alone'))).toMatch(/^FAIL alone .*missing/);
  });

  it('refuses a case that is not there', async () => {
    await expect(only('nowhere')).rejects.toThrow(/no case nowhere/);
  });
});
