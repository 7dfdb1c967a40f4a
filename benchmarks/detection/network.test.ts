import { describe, expect, it } from 'vitest';
import { resnet, resnetSpec } from '../../harness/nn/resnet.ts';
import { entriesOf } from './bind.ts';
import { methodSpec } from './method_spec.ts';
import { detectorBackbone, detectorModel } from './network.ts';

const spec = methodSpec.parse({ classes: 3 });
const narrow = resnetSpec.parse({ depth: 50, width: 1 / 16 });

describe('a detector on a ResNet', () => {
  it('has a place for every tensor of it, of the same shape, and fresh heads beside them', () => {
    const backbone = resnet(narrow);
    const { networks, renamed = new Map() } = detectorModel(spec, backbone);
    for (const kind of ['parameters', 'buffers'] as const) {
      const own = entriesOf(networks, kind);
      for (const [name, { shape }] of backbone.module[kind])
        expect(own.get(renamed.get(name) ?? '')?.shape, name).toEqual(shape);
      const taken = new Set(renamed.values());
      const fresh = [...own.keys()].filter((name) => !taken.has(name));
      for (const name of fresh)
        expect(name).toMatch(/^(proposal_generator|roi_heads\.(box_predictor|res5\.norm))\./);
      expect(fresh.length).toBeGreaterThan(0);
    }
  });

  it.each([
    [{ depth: 18 }, 'backbone.depth: found 18, expected 50 or 101'],
    [{ stem: 'cifar' }, 'backbone.stem: found "cifar", expected imagenet'],
    [{ channels: 2 }, 'backbone.channels: found 2, expected 3'],
    [{ frozenStages: 1 }, 'backbone.frozenStages: found 1, expected -1'],
    [{ groups: 32 }, 'backbone.groups: found 32, expected 1 or nothing'],
  ])('is not built on %j', (change, message) => {
    expect(() => detectorBackbone(resnetSpec.parse({ ...narrow, ...change }))).toThrow(message);
  });
});
