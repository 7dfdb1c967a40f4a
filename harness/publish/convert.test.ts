import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type HostArray, hostArray } from '../engine/array.ts';
import { detectorName } from '../weights/detector_file.ts';
import { encodeModel } from '../weights/detectron.ts';
import { recogniseBackbone } from '../weights/recognise.ts';
import { hashTensors, readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { encodeTorch } from '../weights/torch/write_torch.ts';
import { readWeightsFile } from '../weights/weights_file.ts';
import { convertWeights } from './convert.ts';
import { extractBackbone } from './extract_backbone.ts';

const folder = mkdtempSync(join(tmpdir(), 'convert-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

const golden = fileURLToPath(new URL('../../golden/', import.meta.url));
const fixture = (name: string) => {
  const path = at(`${name}.pth`);
  writeFileSync(path, gunzipSync(readFileSync(join(golden, 'weights', `${name}.pth.gz`))));
  return path;
};
type Tensors = ReadonlyMap<string, HostArray>;
const inModel = (all: Tensors) => new Map([...all].map(([name, one]) => [`model.${name}`, one]));
const hashOf = (path: string) => hashTensors(readWeightsFile(path).tensors);

describe('all tensors keep every bit, type and name', () => {
  const files = ['checkpoint_zip', 'strided_legacy', 'types_zip'].map((name) =>
    join(golden, 'data/torch', `${name}.pth`),
  );
  test.each([...files, fixture('moco_v1'), fixture('vissl')])('%s', async (file) => {
    const [first, second, third] = [at('1.safetensors'), at('2.pth'), at('3.safetensors')];
    await convertWeights({ file, out: first });
    await convertWeights({ file: first, out: second });
    const { tensors, sha256 } = await convertWeights({ file: second, out: third });
    expect([first, second, third].map(hashOf)).toEqual(Array(3).fill(hashOf(file)));
    expect(tensors).toBe(readSafetensors(third).tensors.size);
    expect(readFileSync(third).equals(readFileSync(first))).toBe(true);
    expect((await convertWeights({ file: second, out: third })).sha256).toBe(sha256);
  });

  test('into a file for detectron2 and back goes the backbone', async () => {
    const file = fixture('moco_v1');
    const [pkl, pth, tensors] = [at('m.pkl'), at('m.pth.tar'), at('m.safetensors')];
    const { said } = await convertWeights({ file, out: pkl });
    expect(said.join()).toContain(
      'the backbone under "state_dict.module.encoder_q." by the layout',
    );
    await convertWeights({ file: pkl, out: pth });
    await convertWeights({ file: pkl, out: tensors });
    const { tensors: taken, spec } = await recogniseBackbone(file);
    for (const path of [pkl, pth, tensors]) expect(hashOf(path)).toBe(hashTensors(taken));
    expect((await recogniseBackbone(pkl)).spec).toEqual(spec);
  });

  test.each([
    ['a checkpoint', 'd.pth', (all: Tensors) => encodeTorch(inModel(all))],
    ['a pickle', 'd.pkl', (all: Tensors) => encodeModel(all, false)],
  ])(
    "the network of a trained detector of detectron2's comes back from %s",
    async (_, name, encode) => {
      const { tensors, spec } = await recogniseBackbone(fixture('moco_v1'));
      const detector = new Map([...tensors].map(([own, one]) => [detectorName(own), one]));
      const head = hostArray('float32', [2, 1], Float32Array.of(1, 2));
      detector.set('proposal_generator.rpn_head.conv.weight', head);
      detector.set('roi_heads.res5.norm.weight', head);
      writeFileSync(at(name), Buffer.concat([...encode(detector)]));
      const found = await recogniseBackbone(at(name));
      expect(found.spec).toEqual(spec);
      expect(hashTensors(found.tensors)).toBe(hashTensors(tensors));
      expect(found.said.join()).not.toContain('unknown');
      const prefix = 'backbone';
      await convertWeights({ file: at(name), out: at('again.pkl'), prefix });
      expect(hashOf(at('again.pkl'))).toBe(hashTensors(tensors));
      await convertWeights({ file: at(name), out: at('whole.pkl') });
      expect(hashOf(at('whole.pkl'))).toBe(hashTensors(detector));
      expect((await recogniseBackbone(at('whole.pkl'))).spec).toEqual(spec);
      const out = at('extracted.safetensors');
      await extractBackbone({ file: at(name), methods: {}, out });
      expect(hashOf(out)).toBe(hashTensors(tensors));
    },
  );

  test('--prefix takes another one', async () => {
    const file = fixture('moco_v1');
    const prefix = 'state_dict.module.encoder_k';
    await convertWeights({ file, out: at('k.pkl'), prefix });
    const { tensors } = await recogniseBackbone(file, { prefix });
    expect(hashOf(at('k.pkl'))).toBe(hashTensors(tensors));
  });
});

test('what a PyTorch file has no place for is said', async () => {
  const file = at('with.safetensors');
  const tensors = readWeightsFile(fixture('torchvision')).tensors;
  await writeSafetensors(file, { tensors, metadata: { format: 'pt', note: 'x' } });
  const { said } = await convertWeights({ file, out: at('without.pth') });
  expect(said.join()).toContain('left: its metadata (format, note)');
  await convertWeights({ file, out: at('again.safetensors') });
  expect(readSafetensors(at('again.safetensors')).metadata).toEqual({ format: 'pt', note: 'x' });
});

test.each([
  ['weights.npz', undefined, 'has no ending that says what to write; expected .safetensors, .pth'],
  ['weights-0123abcd.safetensors', undefined, 'a name that ends in a hash is made by publishing'],
  ['weights.pth', 'backbone.', '--prefix backbone. goes with a .pkl'],
])('%s is refused and nothing is written', async (name, prefix, message) => {
  const file = fixture('torchvision');
  const before = readdirSync(folder);
  await expect(convertWeights({ file, out: at(name), prefix })).rejects.toThrow(message);
  expect(readdirSync(folder)).toEqual(before);
});

test('a file that cannot be read leaves what was there', async () => {
  const out = at('kept.pth');
  writeFileSync(out, 'kept');
  const file = join(golden, 'data/torch/refused_code.pth');
  await expect(convertWeights({ file, out })).rejects.toThrow('system');
  expect(readFileSync(out, 'utf8')).toBe('kept');
  await expect(convertWeights({ file: at('none.pth'), out })).rejects.toThrow(
    'none.pth is not there',
  );
  expect(existsSync(at('none.pth'))).toBe(false);
});
