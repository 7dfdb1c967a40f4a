import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { recogniseBackbone } from './recognise.ts';

// Files that PyTorch wrote in the layouts of known programs, by tools/torch/layout_fixtures.py.
const fixtures = fileURLToPath(new URL('../../golden/weights/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'layouts-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What stands before `conv1.weight` in each file, in its own words. */
const PREFIXES: Readonly<Record<string, string>> = {
  barlow_twins: 'model.module.backbone.',
  barlow_twins_released: '',
  byol_of_deepmind_converted: 'online_network_state_dict.encoder.',
  byol_pytorch_lucidrains: 'net.',
  densecl: 'state_dict.backbone.',
  dino: 'teacher.module.backbone.',
  lightly: 'state_dict.backbone.',
  lightly_momentum: 'state_dict.backbone.',
  lightly_resnet_generator: 'state_dict.backbone.',
  mmpretrain: 'state_dict.backbone.',
  mmselfsup_byol: 'state_dict.backbone.',
  mmselfsup_moco: 'state_dict.backbone.',
  mmselfsup_simclr: 'state_dict.backbone.',
  moco_v1: 'state_dict.module.encoder_q.',
  moco_v2_released: 'state_dict.module.encoder_q.',
  moco_v3: 'state_dict.module.base_encoder.',
  openselfsup_backbone: 'state_dict.',
  openselfsup_byol: 'state_dict.backbone.',
  openselfsup_moco: 'state_dict.backbone.',
  pixpro: 'model.module.encoder.',
  pytorch_byol: 'online_network_state_dict.encoder.',
  simsiam: 'state_dict.module.encoder.',
  soco: 'model.module.encoder.',
  solo_learn: 'state_dict.backbone.',
  solo_learn_before_1_0_3: 'state_dict.encoder.',
  swav: 'module.',
  swav_checkpoint: 'state_dict.module.',
  timm: 'state_dict.',
  timm_ema: 'state_dict.',
  torchvision: '',
  vicreg: 'model.module.backbone.',
  vissl: 'classy_state_dict.base_model.model.trunk._feature_blocks.',
  vissl_model_state_dict: 'model_state_dict._feature_blocks.',
};
const UNDECIDED = 'two_unknown';

function unpacked(name: string): string {
  const path = join(folder, `${name}.pth`);
  writeFileSync(path, gunzipSync(readFileSync(join(fixtures, `${name}.pth.gz`))));
  return path;
}

test('every file is looked at', () => {
  const files = readdirSync(fixtures).map((name) => name.replace('.pth.gz', ''));
  expect(files.sort()).toEqual([...Object.keys(PREFIXES), UNDECIDED].sort());
});

test.each(Object.entries(PREFIXES))(
  '%s: the encoder that the program itself judges, whole, and every key accounted for',
  async (name, prefix) => {
    const found = await recogniseBackbone(unpacked(name));
    expect(found.prefix).toBe(prefix);
    expect(found.spec).toMatchObject({ depth: 18, width: 1 / 64, stem: 'imagenet', channels: 3 });
    // Filled with 1, 2, 3, … in the order of torchvision's state dictionary.
    const first = [...found.tensors.values()].map(({ data }) => Number(data[0]));
    expect(first.sort((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    expect(found.tensors.get('conv1.weight')?.data[0]).toBe(1);
    expect(found.tensors.get('layer4.1.bn2.num_batches_tracked')?.data[0]).toBe(120n);
    expect(found.said.filter((line) => line.includes('not known'))).toEqual([]);
  },
);

test('two of unknown names are never chosen from silently', async () => {
  const file = unpacked(UNDECIDED);
  await expect(recogniseBackbone(file)).rejects.toThrow(
    'has 2 backbones, and no known layout says which to take: "left." (120 tensors), "right." (120 tensors)',
  );
  const { tensors } = await recogniseBackbone(file, { prefix: 'right' });
  expect(tensors.get('conv1.weight')?.data[0]).toBe(-1);
});
