import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { canonicalJson, sha256File, sha256Json } from '../base/index.ts';
import { resnet, resnetSpec } from '../nn/resnet.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { labelOf, openTarget, randomWeights } from './weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchmark-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function written(name: string, channels: number, metadata: Record<string, string>) {
  const spec = resnetSpec.parse({ depth: 18, width: 1 / 16, stem: 'cifar', channels });
  const file = join(folder, name);
  const tensors = [...randomWeights(spec, 1)].map(([own, t]) => [`encoder.${own}`, t] as const);
  await writeSafetensors(file, { tensors: new Map(tensors), metadata });
  return file;
}

describe('weights that are judged', () => {
  it('of another system are what their tensors say', async () => {
    const file = await written('other.safetensors', 3, {});
    const found = await openTarget(file, {});
    expect(found).toMatchObject({
      sha256: sha256File(file),
      prefix: 'encoder.',
      sobel: false,
      backbone: { depth: 18, width: 1 / 16, stem: 'cifar', channels: 3 },
    });
    expect([found.mean, found.origin]).toEqual([undefined, undefined]);
    expect([...found.tensors.keys()].sort()).toEqual(
      [...randomWeights(found.backbone, 0).keys()].sort(),
    );
  });

  it('of ours say what made them, how pixels were normalised, and that they saw edges', async () => {
    const experiment = {
      name: 'mine',
      backbone: { depth: 18, width: 1 / 16, stem: 'cifar', channels: 2 },
      data: { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6], size: 32 },
    };
    const metadata = {
      format: 'reprise-weights-1',
      backbonePrefix: 'encoder.',
      experiment: canonicalJson(experiment),
    };
    const found = await openTarget(await written('mine.safetensors', 2, metadata), {});
    expect(found).toMatchObject({
      sobel: true,
      mean: [0.1, 0.2, 0.3],
      std: [0.4, 0.5, 0.6],
      origin: { name: 'mine', experimentId: sha256Json(experiment) },
    });
  });

  it('have a name for folders', () => {
    const names = ['a/MoCo v2 (200ep).pth.tar', 'b/moco-1f3a56c0.safetensors', 'r50.pth', 'x.pt'];
    expect(names.map((file) => labelOf({ file }))).toEqual([
      'moco_v2_200ep_',
      'moco-1f3a56c0',
      'r50',
      'x',
    ]);
  });
});

describe('random weights', () => {
  const spec = resnetSpec.parse({ depth: 18, width: 1 / 16, stem: 'cifar' });
  it('are all of a network’s, in the layout of files, and follow from the seed', () => {
    const [a, b, other] = [0, 0, 1].map((seed) => randomWeights(spec, seed));
    const { parameters, buffers } = resnet(spec).module;
    expect([...(a?.keys() ?? [])]).toEqual([...parameters.keys(), ...buffers.keys()]);
    expect(a?.get('conv1.weight')?.shape).toEqual([4, 3, 3, 3]);
    expect(a).toEqual(b);
    expect(a?.get('conv1.weight')).not.toEqual(other?.get('conv1.weight'));
  });
});
