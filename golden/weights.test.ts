import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../harness/base/hash.ts';
import { type HostArray, hostArray } from '../harness/engine/array.ts';
import { bindMethod } from '../harness/experiment/index.ts';
import { extractBackbone } from '../harness/publish/extract_backbone.ts';
import { Publication, publish } from '../harness/publish/publish.ts';
import { type RunRecord, writeRecord } from '../harness/record/record.ts';
import { stepDefinition } from '../harness/step/definition.ts';
import { readPretrained } from '../harness/step/initial_weights.ts';
import { saveCheckpoint } from '../harness/weights/checkpoint.ts';
import { openPublished, openWeights, stampIn } from '../harness/weights/published.ts';
import { readSafetensors, writeSafetensors } from '../harness/weights/safetensors.ts';
import { methods } from '../methods/index.ts';
import { recordOfStates, stateOf, tinyExperiment } from './tiny.ts';

const experiment = tinyExperiment();
const states = [0, 1, 2].map((seed) => stateOf(experiment, seed));
let record: RunRecord;
let folder = '';

async function save(epoch: number, epochStep = 0, extra = {}) {
  const [step, state] = [4 * epoch + epochStep, states[epoch] ?? expect.unreachable()];
  const { experimentId, epochs } = record;
  return saveCheckpoint(folder, {
    tensors: state,
    meta: {
      experiment,
      experimentId,
      epoch,
      step,
      epochStep,
      extra: { epochs: epochs.slice(0, epoch + 1), ...extra },
    },
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weights-'));
  record = await recordOfStates(experiment, states);
  await writeRecord(folder, record);
  await save(1);
  await save(2);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('published weights', () => {
  it('are the networks of the last epoch, under a name that sha256sum confirms', async () => {
    const { path, file, sha256: hash, tensors, epoch } = await publish({ source: folder, methods });
    expect(basename(path)).toBe(`moco_tiny-${hash.slice(0, 8)}.safetensors`);
    expect(epoch).toBe(2);
    const sum = spawnSync('sha256sum', [path], { encoding: 'utf8' });
    expect(sum.stdout.split(' ')[0]).toBe(hash);
    const { tensors: found, metadata, stamped } = openPublished(path);
    expect(stamped).toBe(true);
    expect(found.size).toBe(tensors);
    const names = [...found.keys()];
    expect(names.every((name) => /^encoder_[qk]\./.test(name))).toBe(true);
    expect(names.filter((name) => name.startsWith('encoder_q.'))).toHaveLength(tensors / 2);
    for (const [name, value] of found) expect(value.data).toEqual(states[2]?.get(name)?.data);
    expect(metadata).toMatchObject({
      format: 'reprise-weights-1',
      epoch: '2',
      backbonePrefix: 'encoder_q.0.',
      chain: record.epochs[2]?.chain,
    });
    const note = Publication.parse(
      JSON.parse(readFileSync(join(folder, 'published.json'), 'utf8')),
    );
    expect(note).toMatchObject({ file, sha256: hash, stateHash: record.epochs[2]?.stateHash });
  });

  it('have the same bytes whenever and wherever they are written', async () => {
    const out = join(folder, 'elsewhere');
    const first = await publish({ source: folder, methods });
    const again = await publish({ source: join(folder, 'epoch_2.safetensors'), methods, out });
    expect(again.path).toBe(join(out, first.file));
    expect(readFileSync(again.path).equals(readFileSync(first.path))).toBe(true);
  });

  it('are refused everywhere when name and content disagree', async () => {
    const { path } = await publish({ source: folder, methods });
    const bytes = readFileSync(path);
    const last = bytes.length - 1;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
    const changed = join(folder, `changed-${stampIn(path)}.safetensors`);
    writeFileSync(changed, bytes);
    expect(() => openPublished(changed)).toThrow(`its name ${stampIn(path)}`);
    await expect(openWeights(changed)).rejects.toThrow('is not what its name says');
    await expect(extractBackbone({ file: changed, methods })).rejects.toThrow('not what its name');
    const empty = join(folder, 'moco-e3b0c442.safetensors');
    copyFileSync(path, empty);
    expect(() => openPublished(empty)).toThrow('e3b0c442 is the hash of nothing');
    writeFileSync(empty, '');
    expect(() => openPublished(empty)).toThrow('is an empty file, expected a safetensors file');
    expect(sha256('').startsWith('e3b0c442')).toBe(true);
  });

  it('are not made of states that are no epoch of the record', async () => {
    const { file: inside } = await save(1, 2);
    await expect(publish({ source: inside, methods })).rejects.toThrow('is inside epoch 2');
    rmSync(inside);
    const { file: noisy } = await save(1, 0, { perturbation: 3 });
    await expect(publish({ source: noisy, methods })).rejects.toThrow('noise on its weights');
    await save(1);
    const other = await recordOfStates(
      experiment,
      [0, 1, 7].map((s) => stateOf(experiment, s)),
    );
    await writeRecord(folder, other);
    await expect(publish({ source: folder, methods })).rejects.toThrow(
      `the record's epoch 2 has ${other.epochs[2]?.stateHash}`,
    );
    await writeRecord(folder, record);
    await expect(publish({ source: join(folder, 'none'), methods })).rejects.toThrow(
      'is not there',
    );
    await expect(publish({ source: tmpdir(), methods })).rejects.toThrow(
      'no checkpoint of a whole',
    );
  });
});

describe('a backbone alone', () => {
  const bare = (name: string) => name.slice('encoder_q.0.'.length);

  it('comes out the same from published weights and from the checkpoint', async () => {
    const { path } = await publish({ source: folder, methods });
    const a = await extractBackbone({ file: path, methods });
    const out = join(folder, 'backbone.safetensors');
    const b = await extractBackbone({ file: join(folder, 'epoch_2.safetensors'), methods, out });
    expect(a).toMatchObject({ prefix: 'encoder_q.0.', tensors: 120, expected: 120 });
    expect(basename(a.path)).toBe(`moco_tiny_backbone-${a.sha256.slice(0, 8)}.safetensors`);
    const [x, y] = [openPublished(a.path).tensors, readSafetensors(b.path).tensors];
    expect([...x.keys()].sort()).toEqual([...y.keys()].sort());
    for (const [name, value] of states[2] ?? []) {
      if (!name.startsWith('encoder_q.0.')) continue;
      expect(x.get(bare(name))).toEqual(value);
      expect(y.get(bare(name))?.data).toEqual(value.data);
    }
  });

  it('can be extracted from what is already one, and from other systems’ files', async () => {
    const { path } = await publish({ source: folder, methods });
    const once = await extractBackbone({ file: path, methods });
    const twice = await extractBackbone({ file: once.path, methods });
    expect(twice).toMatchObject({ prefix: '', tensors: 120, expected: 120 });
    const foreign = join(folder, 'foreign.safetensors');
    const named = [...openPublished(path).tensors].flatMap(([name, value]) =>
      name.startsWith('encoder_q.0.') ? [[`backbone.${bare(name)}`, value] as const] : [],
    );
    await writeSafetensors(foreign, { tensors: new Map(named), metadata: {} });
    const out = join(folder, 'foreign_backbone.safetensors');
    const found = await extractBackbone({ file: foreign, methods, out });
    expect(found).toMatchObject({ path: out, prefix: 'backbone.', tensors: 120 });
    expect(found).not.toHaveProperty('expected');
    expect(found.said.at(-1)).toContain('120 tensors taken, the backbone under "backbone."');
  });

  it('is refused with a list of what is there', async () => {
    const { path } = await publish({ source: folder, methods });
    const wrong = extractBackbone({ file: path, methods, prefix: 'backbone.' });
    await expect(wrong).rejects.toThrow(
      'has no backbone.conv1.weight of a ResNet, which --prefix asks for; ' +
        'it has "encoder_k.0." (120 tensors), "encoder_q.0." (120 tensors)',
    );
    const out = join(folder, 'moco-12345678.safetensors');
    await expect(extractBackbone({ file: path, methods, out })).rejects.toThrow('ends in a hash');
    expect(existsSync(out)).toBe(false);
  });

  it('is refused when it is not the one of its experiment', async () => {
    const { path } = await publish({ source: folder, methods });
    const { tensors, metadata } = openPublished(path);
    const cut = join(folder, 'cut.safetensors');
    const less = [...tensors].filter(([name]) => !name.includes('layer4.1.bn2'));
    await writeSafetensors(cut, { tensors: new Map(less), metadata });
    await expect(extractBackbone({ file: cut, methods })).rejects.toThrow(
      'does not hold the ResNet-18 of moco/tiny: missing layer4.1.bn2.weight',
    );
  });
});

describe('weights of other systems to begin with', () => {
  const { model } = stepDefinition(experiment, bindMethod(experiment, methods));
  const backbone = (seed: number, prefix: string): [string, HostArray][] =>
    [...(states[seed] ?? [])]
      .filter(([name]) => name.startsWith('encoder_q.0.'))
      .map(([name, value]) => [prefix + name.slice('encoder_q.0.'.length), value]);
  const write = async (name: string, ...parts: (readonly [string, HostArray])[][]) => {
    const file = join(folder, name);
    await writeSafetensors(file, { tensors: new Map(parts.flat()), metadata: {} });
    return file;
  };
  const taken = async (file: string, prefix?: string) => {
    const { values, ...rest } = await readPretrained({ file, prefix, methods }, model);
    return { ...rest, first: values.get('encoder_q.0.conv1.weight')?.data };
  };
  const conv = (seed: number) => states[seed]?.get('encoder_q.0.conv1.weight')?.data;

  it('are those of the query encoder, behind wrappers and beside a key encoder', async () => {
    const parts = [backbone(1, 'module.encoder_k.'), backbone(2, 'module.encoder_q.')];
    const file = await write('moco_foreign.safetensors', ...parts);
    const found = await taken(file);
    expect(found).toMatchObject({ first: conv(2), prefix: 'module.encoder_q.' });
    expect(found.said).toEqual([
      `--pretrained ${file}: 120 tensors taken, the backbone under "module.encoder_q." by the layout ` +
        '"MoCo: the query encoder"; left: module.encoder_k.* (120)',
    ]);
    expect(await taken(file, 'module.encoder_k')).toMatchObject({ first: conv(1) });
    const out = join(folder, 'moco_foreign_backbone.safetensors');
    await extractBackbone({ file, methods, out });
    expect(readSafetensors(out).tensors.get('conv1.weight')?.data).toEqual(conv(2));
  });

  it('are refused where two could be meant, by every reader', async () => {
    const file = await write('two.safetensors', backbone(1, 'a.'), backbone(2, 'b.'));
    const both =
      'has 2 backbones, and no known layout says which to take: "a." (120 tensors), "b."';
    await expect(taken(file)).rejects.toThrow(both);
    await expect(extractBackbone({ file, methods })).rejects.toThrow(both);
    await expect(taken(file, 'c.')).rejects.toThrow('has no c.conv1.weight of a ResNet');
    expect(await taken(file, 'b.')).toMatchObject({ first: conv(2) });
  });

  it('are taken with the heads where the names are the run’s own, and described ones first', async () => {
    const { path } = await publish({ source: folder, methods });
    expect((await taken(path)).said.at(-1)).toContain(
      `${path}: 124 tensors taken, the backbone under "encoder_q.0." by the file's own backbonePrefix`,
    );
    const checkpoint = join(folder, 'epoch_2.safetensors');
    expect((await taken(checkpoint)).said.at(-1)).toContain('by the experiment in the file');
    const { tensors } = openPublished(path);
    const bare = await write('own.safetensors', [...tensors]);
    expect((await taken(bare)).said.at(-1)).toContain("by this run's own names");
  });

  it('are widened from half precision, which is said', async () => {
    const halves = backbone(1, '').map(([name, value]): [string, HostArray] => {
      if (value.dtype !== 'float32') return [name, value];
      const { length } = value.data;
      const data = Uint16Array.from({ length }, (_, i) => 0x3c00 + (i % 512)); // 1 + i / 1024
      return [name, hostArray('float16', value.shape, data)];
    });
    const found = await taken(await write('half.safetensors', halves));
    expect([...(found.first ?? [])].slice(0, 3)).toEqual([1, 1 + 1 / 1024, 1 + 2 / 1024]);
    expect(found.said[0]).toMatch(
      /^--pretrained .*: 100 tensors of float16 taken as float32, exactly$/,
    );
  });
});
