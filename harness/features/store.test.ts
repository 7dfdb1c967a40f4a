import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256, sha256File, UserError } from '../base/index.ts';
import { type HostArray, hostArray } from '../engine/array.ts';
import { toOIHW } from '../engine/layout.ts';
import { initialValue } from '../nn/initialise.ts';
import { resnet, resnetSpec } from '../nn/resnet.ts';
import { stream } from '../random/stream.ts';
import type { Images } from './extractor.ts';
import type { LayerUse } from './layers.ts';
import { openNpy, readNpy } from './npy.ts';
import { type FeatureStore, openFeatureStore, type StoreOptions } from './store.ts';

const COUNT = 10;
const SIZE = 32;
const backbone = resnetSpec.parse({ depth: 18, width: 1 / 32, stem: 'cifar', stages: 1 });
const top = mkdtempSync(join(tmpdir(), 'store-'));
afterAll(() => rmSync(top, { recursive: true }));

let folder: string;
let told: string[];
let passes: number;
beforeEach(() => {
  folder = join(mkdtempSync(join(top, 'case-')), 'features');
  told = [];
  passes = 0;
});

function weightsOf(seed: number): Map<string, HostArray> {
  const { parameters, buffers } = resnet(backbone).module;
  return new Map(
    [...parameters, ...buffers].map(([name, spec]) => {
      const value = initialValue(spec, stream(seed, name));
      return [name, value.shape.length === 4 ? toOIHW(value) : value];
    }),
  );
}

/** Noise, which is drawn anew whenever it is asked for, and counts how often that is. */
function noise(seed: number, onPiece: (first: number) => void = () => {}): Images {
  return {
    count: COUNT,
    sha256: sha256(`noise ${seed}`),
    describe: (index) => `picture ${index}`,
    async *images() {
      passes++;
      for (let first = 0; first < COUNT; first += 4) {
        onPiece(first);
        const count = Math.min(4, COUNT - first);
        const draws = stream(seed, 'noise', first);
        const images = Uint8Array.from({ length: count * SIZE * SIZE * 3 }, () =>
          draws.int(0, 255),
        );
        yield { first, count, images };
      }
    },
  };
}

const USES: readonly LayerUse[] = [
  { layer: 'feat2', pooling: 'average' },
  { layer: 'feat1', pooling: 'adaptive' },
];
const set = {
  images: noise(1),
  pipeline: [{ kind: 'centerCrop' }],
  size: SIZE,
  uses: USES,
} as const;

function options(change: Partial<StoreOptions> = {}): StoreOptions {
  return {
    folder,
    network: { backbone, sobel: false },
    weights: weightsOf(0),
    settings: { batch: 4, precision: 'fp32', normalise: { mean: [0, 0, 0], std: [1, 1, 1] } },
    sets: { train: set },
    tell: (line) => told.push(line),
    ...change,
  };
}

async function withStore<T>(
  change: Partial<StoreOptions>,
  use: (store: FeatureStore) => Promise<T>,
): Promise<T> {
  const store = await openFeatureStore(options(change));
  try {
    return await use(store);
  } finally {
    store.dispose();
  }
}

/** Features of the first use, made or taken. */
function first(change: Partial<StoreOptions> = {}) {
  return withStore(change, async (store) => {
    const features = await store.features('train', 'feat2', 'average');
    return features.rows(0, features.count);
  });
}

const files = () => (existsSync(folder) ? readdirSync(folder).sort() : []);

describe('features of a set', () => {
  it('are written for all layers in one pass, as arrays of NumPy with a manifest', async () => {
    await withStore({}, async (store) => {
      const found = await store.features('train', 'feat2', 'average');
      const other = await store.features('train', 'feat1', 'adaptive');
      expect(passes).toBe(1);
      expect([found.count, found.width, other.width]).toEqual([COUNT, 2, 2 * 12 * 12]);
      expect([...(await found.rows(3, 2))]).toEqual([
        ...(await found.rows(3, 1)),
        ...(await found.rows(4, 1)),
      ]);
    });
    expect(files()).toEqual([
      ...['train_feat1_adaptive.json', 'train_feat1_adaptive.npy'],
      ...['train_feat2_average.json', 'train_feat2_average.npy'],
    ]);
    const { dtype, shape } = readNpy(join(folder, 'train_feat2_average.npy'));
    expect([dtype, shape]).toEqual(['float32', [COUNT, 2]]);
    const manifest = JSON.parse(readFileSync(join(folder, 'train_feat2_average.json'), 'utf8'));
    expect(manifest).toMatchObject({
      format: 'reprise-features-1',
      data: set.images.sha256,
      layer: 'feat2',
      shape: [COUNT, 2],
      sha256: sha256File(join(folder, 'train_feat2_average.npy')),
    });
  });

  it('are taken again where nothing changed, and then no image is looked at', async () => {
    const before = await first();
    expect(await first()).toEqual(before);
    expect(passes).toBe(1);
    expect(told.filter((line) => line.includes('made again'))).toEqual([]);
  });

  it('reach the disk as they come, so that no set is too large', async () => {
    const sizes: number[] = [];
    const images = noise(1, () => {
      const part = files().find((name) => /^\.train_feat2_average\.npy\..*\.tmp$/.test(name));
      sizes.push(part === undefined ? -1 : statSync(join(folder, part)).size - 128);
    });
    await first({ sets: { train: { ...set, images } } });
    expect(sizes).toEqual([0, 4 * 2 * 4, 8 * 2 * 4]);
  });
});

describe('features are made again, with the reason said, where there is another', () => {
  const settings = options().settings;
  const normalise = (mean: number, std: number) => ({
    mean: [mean, mean, mean],
    std: [std, std, std],
  });
  const moved = (name: string) => {
    const weights = weightsOf(0);
    const { shape, data } = weights.get(name) ?? hostArray('float32', [0], new Float32Array());
    return weights.set(
      name,
      hostArray(
        'float32',
        shape,
        Float32Array.from(data as Float32Array, (x) => x + 1),
      ),
    );
  };
  const other = (part: Partial<StoreOptions['sets'][string]>) => ({
    sets: { train: { ...set, ...part } },
  });
  it.each<[string, Partial<StoreOptions>]>([
    ['weights', { weights: weightsOf(1) }],
    ['weights', { weights: moved('layer1.1.bn2.running_mean') }],
    ['data', other({ images: noise(2) })],
    ['pipeline', other({ pipeline: [{ kind: 'centerCrop', size: 32 }] })],
    ['mean', { settings: { ...settings, normalise: normalise(0.5, 1) } }],
    ['std', { settings: { ...settings, normalise: normalise(0, 2) } }],
    ['batch', { settings: { ...settings, batch: 5 } }],
    ['precision', { settings: { ...settings, precision: 'bf16' } }],
  ])('%s', async (name, change) => {
    const before = await first();
    const after = await first(change);
    // With the precision the id of the numerics is another one as well.
    const words = `because (.*, )?${name}(, .*)? changed`;
    expect(told).toContainEqual(
      expect.stringMatching(`^features train_feat2_average: made again, ${words}$`),
    );
    expect(passes).toBe(2);
    if (name !== 'pipeline' && name !== 'batch') expect(after).not.toEqual(before);
    expect(await first(change)).toEqual(after);
    expect(passes).toBe(2);
  });

  const array = () => join(folder, 'train_feat2_average.npy');
  const manifest = () => join(folder, 'train_feat2_average.json');
  it.each<[string, string, () => void]>([
    [
      'one bit of the file',
      'the bytes of the file are not those that were written',
      () => {
        const bytes = readFileSync(array());
        bytes[200] = (bytes[200] ?? 0) ^ 1;
        writeFileSync(array(), bytes);
      },
    ],
    [
      'half of the file',
      'the bytes of the file are not those that were written',
      () => truncateSync(array(), 300),
    ],
    ['no file', 'the file is not there', () => rmSync(array())],
    ['half of the manifest', 'the manifest cannot be read', () => truncateSync(manifest(), 100)],
    [
      'another version',
      'the manifest is of another version',
      () => writeFileSync(manifest(), '{}'),
    ],
  ])('%s', async (_, reason, damage) => {
    const before = await first();
    damage();
    expect(await first()).toEqual(before);
    expect(told.filter((line) => line.includes('made again'))).toEqual([
      `features train_feat2_average: made again, because ${reason}`,
    ]);
    expect(passes).toBe(2);
    expect(openNpy(array()).count).toBe(COUNT);
  });

  it('an array without a manifest is never taken', async () => {
    const before = await first();
    rmSync(manifest());
    writeFileSync(array(), readFileSync(array()).fill(0, 128));
    expect(await first()).toEqual(before);
    expect(passes).toBe(2);
  });

  it('only the layers that need it', async () => {
    await first();
    const kept = statSync(join(folder, 'train_feat1_adaptive.npy')).ino;
    rmSync(array());
    await first();
    expect(statSync(join(folder, 'train_feat1_adaptive.npy')).ino).toBe(kept);
  });
});

describe('what breaks off leaves no file', () => {
  it('features that are not finite, with the first image named', async () => {
    const weights = weightsOf(0).set(
      'layer1.1.bn2.bias',
      hostArray('float32', [2], new Float32Array(2).fill(Number.NaN)),
    );
    const made = first({ weights });
    await expect(made).rejects.toThrow(UserError);
    await expect(made).rejects.toThrow(
      'features: those of picture 0 are not finite (feat2 is NaN)',
    );
    expect(files()).toEqual([]);
  });

  it('a signal, in the middle', async () => {
    const controller = new AbortController();
    const images = noise(1, (at) => {
      if (at === 8) controller.abort(new UserError('stopped'));
    });
    const change = { sets: { train: { ...set, images } }, signal: controller.signal };
    await expect(first(change)).rejects.toThrow('stopped');
    expect(files()).toEqual([]);
    expect((await first()).length).toBe(COUNT * 2);
  });

  it('too few images', async () => {
    const images: Images = { ...noise(1), count: COUNT + 1 };
    await expect(first({ sets: { train: { ...set, images } } })).rejects.toThrow('are missing');
    expect(files()).toEqual([]);
  });

  it('a process that was killed: its part is never taken, and removed', async () => {
    mkdirSync(folder, { recursive: true });
    const ended = spawnSync('true').pid; // of a process that is no more
    writeFileSync(join(folder, `.train_feat2_average.npy.${ended}-0.tmp`), 'a part');
    await first();
    expect(files().filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

// A real file system of 64 KiB, which another file fills between two batches.
const disk = join(top, 'disk');
mkdirSync(disk);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;
if (!mounted) process.stderr.write('SKIPPED: a full disk during extraction; mounting needs root\n');
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
});

/** Takes all that is free. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096));
  } catch {
    return; // it is full
  }
}

it.skipIf(!mounted)(
  'a full disk is one sentence, and nothing half-written is taken later',
  async () => {
    folder = join(disk, 'features');
    const other = join(disk, 'other');
    const images = noise(1, (at) => {
      if (at === 4) fill(other);
    });
    const made = first({ sets: { train: { ...set, images } } });
    await expect(made).rejects.toThrow(UserError);
    await expect(made).rejects.toThrow(/^cannot write .*\.npy: the disk is full; free some space/);
    expect(files()).toEqual([]);
    rmSync(other);
    expect((await first()).length).toBe(COUNT * 2);
  },
);
