import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../base/index.ts';
import { startEngine } from '../engine/index.ts';
import { resnetSpec } from '../nn/resnet.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { Extractor, type FrozenNetwork, featureWeights, type Images } from './extractor.ts';
import { LAYERS, type LayerUse, type Pooling } from './layers.ts';

// Files of tools/torch/feature_fixtures.py; whole networks of its --full in a folder of one's own.
const folder =
  process.env.REPRISE_FEATURES ??
  fileURLToPath(new URL('../../golden/data/features', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
const POOLINGS: readonly Pooling[] = ['specified', 'adaptive', 'average'];
const ALL: readonly LayerUse[] = POOLINGS.flatMap((pooling) =>
  LAYERS.map((layer) => ({ layer, pooling })),
);
const SETTINGS = {
  batch: 2,
  size: 224,
  precision: 'fp32',
  normalise: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
} as const;

/** The pixels of the script. */
const pixels = Uint8Array.from({ length: 2 * 224 * 224 * 3 }, (_, at) => {
  const [c, x] = [at % 3, Math.floor(at / 3) % 224];
  const [y, i] = [Math.floor(at / (3 * 224)) % 224, Math.floor(at / (3 * 224 * 224))];
  return (x * (3 + c) + y * (5 + 2 * c) + i * 17 + ((x * y) >> 3)) % 256;
});

const images: Images = {
  count: 2,
  sha256: '',
  describe: (index) => `image ${index}`,
  async *images() {
    yield { first: 0, count: 2, images: pixels };
  },
};

function opened(file: string) {
  const { tensors } = readSafetensors(join(folder, file));
  const weights = new Map(
    [...tensors].flatMap(([name, value]) =>
      name.startsWith('weights.') ? [[name.slice('weights.'.length), value] as const] : [],
    ),
  );
  const [stem = 64, channels = 3] = weights.get('conv1.weight')?.shape ?? [];
  const depth = Number(/\d+/.exec(file)?.[0]);
  const backbone = resnetSpec.parse({ depth, width: stem / 64, channels });
  const network: FrozenNetwork = { backbone, sobel: channels === 2 };
  return { tensors, network, weights: featureWeights(network, weights) };
}

async function extracted(
  { network, weights }: ReturnType<typeof opened>,
  uses: readonly LayerUse[],
): Promise<readonly Float32Array[]> {
  const extractor = new Extractor(network, SETTINGS, uses, 0);
  try {
    await extractor.load(weights);
    const parts: Float32Array[][] = uses.map(() => []);
    for await (const { layers } of extractor.rows(images))
      for (const [i, rows] of layers.entries()) parts[i]?.push(rows);
    return parts.map((some) => Float32Array.from(some.flatMap((rows) => [...rows])));
  } finally {
    extractor.dispose();
  }
}

/** The largest difference, as a share of the largest value. */
function apart(found: Float32Array, expected: ArrayLike<number>): number {
  let [most, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? 0)));
    largest = Math.max(largest, Math.abs(expected[i] ?? 0));
  }
  return most / largest;
}

beforeAll(startEngine);

describe.each(files)('features of %s', (file) => {
  const fixture = opened(file);

  it('are those of PyTorch, for every layer and pooling, from one pass', async () => {
    const found = await extracted(fixture, ALL);
    for (const [i, { layer, pooling }] of ALL.entries()) {
      const expected = fixture.tensors.get(`${pooling}.${layer}`)?.data;
      if (!(expected instanceof Float32Array)) throw new Error(`${file}: no ${pooling}.${layer}`);
      const rows = found[i] ?? new Float32Array();
      const label = `${file} ${pooling} ${layer}`;
      expect(rows.length, label).toBe(expected.length);
      const share = apart(rows, expected);
      if (process.env.REPRISE_FEATURES !== undefined)
        process.stdout.write(`${label}: ${share.toExponential(1)}\n`);
      expect(share, label).toBeLessThan(1e-4);
    }
  });

  it('have the same bits whatever else is asked for', async () => {
    const all = await extracted(fixture, ALL);
    for (const use of ALL.filter((_, i) => i === 0 || i === 13)) {
      const [alone] = await extracted(fixture, [use]);
      expect(alone, use.layer).toEqual(all[ALL.indexOf(use)]);
    }
  });
});

it('refuses windows of fixed size where images have another one, and says what to use', () => {
  const network = { backbone: resnetSpec.parse({ depth: 18, width: 1 / 32 }), sobel: false };
  const uses = [{ layer: 'feat5', pooling: 'specified' }] as const;
  const open = () => new Extractor(network, { ...SETTINGS, size: 96 }, uses, 0);
  expect(open).toThrow(UserError);
  expect(open).toThrow('windows of fixed size are for images of 224 pixels');
});

it('names a tensor that the weights lack', () => {
  const { network, weights } = opened(files[0] ?? '');
  const less = new Map([...weights].filter(([name]) => name !== 'layer2.0.bn1.running_var'));
  expect(() => featureWeights(network, less)).toThrow(
    /the weights have no layer2\.0\.bn1\.running_var/,
  );
});
