import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractBackbone } from '../harness/publish/extract_backbone.ts';
import { publish } from '../harness/publish/publish.ts';
import { type RunRecord, readRecord, writeRecord } from '../harness/record/record.ts';
import { train } from '../harness/run/trainer.ts';
import { appendEpoch } from '../harness/testing/records.ts';
import { verifyEpoch } from '../harness/verify/verify.ts';
import { verificationText } from '../harness/verify/verify_text.ts';
import { loadCheckpoint, saveCheckpoint } from '../harness/weights/checkpoint.ts';
import { methods } from '../methods/index.ts';
import { tinyExperiment } from './tiny.ts';

const experiment = tinyExperiment();
const quiet = { write: () => true };
let folder = '';
let record: RunRecord;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
  const workDir = join(folder, 'run');
  const result = await train({ experiment, methods, data: folder, workDir, terminal: quiet });
  record = result.record;
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = () => join(folder, 'run');
const verify = (workDir: string, epoch?: number) =>
  verifyEpoch({ workDir, methods, data: folder, epoch });

/** A copy of the run to spoil. */
function copy(name: string): string {
  cpSync(run(), join(folder, name), { recursive: true });
  return join(folder, name);
}

/** The run with the state of an epoch exchanged, record and checkpoint alike. */
async function forge(name: string, epoch: number): Promise<string> {
  const forged = copy(name);
  const { tensors, meta } = await loadCheckpoint(join(forged, `epoch_${epoch}.safetensors`));
  const weight = tensors.get('encoder_q.0.layer3.0.conv1.weight') ?? expect.unreachable();
  const data = Float32Array.from(weight.data, Number);
  data[5] = (data[5] ?? 0) * (1 + 2 ** -23);
  const changed = new Map([...tensors, ['encoder_q.0.layer3.0.conv1.weight', { ...weight, data }]]);
  const { stateHash } = await saveCheckpoint(forged, { tensors: changed, meta });
  const { final: _, ...rest } = readRecord(forged);
  const honest = { ...rest, epochs: rest.epochs.slice(0, epoch), finished: false };
  const entry = rest.epochs[epoch] ?? expect.unreachable();
  await writeRecord(forged, appendEpoch(honest, { ...entry, stateHash }));
  return forged;
}

describe('verify', () => {
  it('finds the recorded bits again, from a checkpoint and from the beginning', async () => {
    const last = await verify(run());
    expect(last).toMatchObject({ epoch: 3, pass: true, changes: [], tensors: [], apart: [] });
    expect(last.from).toBe(join(run(), 'epoch_2.safetensors'));
    expect(verificationText(last)).toContain(
      `verified. Run again, every metric has the recorded bits`,
    );
    const first = await verify(run(), 1);
    expect(first).toMatchObject({ epoch: 1, pass: true, changes: [], tensors: [] });
    expect(first.found.epochs[0]).toEqual(record.epochs[0]);
    expect(first.from).toBeUndefined();
  });

  it('names metric and tensor where the record was forged with its checkpoint', async () => {
    const found = await verify(await forge('forged', 3), 3);
    expect(found.pass).toBe(false);
    expect(found.changes.map(({ epoch, metric }) => [epoch, metric])).toEqual([[3, 'state']]);
    expect(found.tensors).toMatchObject([
      { name: 'encoder_q.0.layer3.0.conv1.weight', elements: 1, of: 16 * 8 * 9 },
    ]);
    const text = verificationText(found);
    expect(text).toContain('first tensor that differs: encoder_q.0.layer3.0.conv1.weight');
    expect(text).toContain('nothing here explains it');
  });

  it('says so when the record is of another platform', async () => {
    const forged = await forge('elsewhere', 3);
    const { seal: _, ...rest } = readRecord(forged);
    const fingerprint = { id: 'ffffffffffff', device: 'cpu', cpu: 'GenuineIntel family 6 model 1' };
    await writeRecord(forged, { ...rest, fingerprint, numerics: { fp32: 'eeeeeeeeeeee' } });
    const text = verificationText(await verify(forged, 3));
    expect(text).toContain(
      'NOT verified. Not the same as when it was recorded: this machine computes other bits',
    );
    const { fp32 } = record.numerics ?? expect.unreachable();
    expect(text).toMatch(new RegExp(`platform e{12} .*, this is ${fp32};`));
    await writeRecord(forged, { ...rest, fingerprint });
    const same = verificationText(await verify(forged, 3));
    expect(same).toContain(
      `Both have numerics ${fp32}, and yet bits differ: Intel family 6 model 1`,
    );
    expect(same).toContain('npx zx scripts/probe.mjs --bisect moco/tiny');
    expect(same).toMatch(new RegExp(`numerics fp32 ${fp32} .* · state [0-9a-f]{12}$`));
  });

  it('refuses what cannot be verified, and says what can', async () => {
    const cut = copy('cut');
    rmSync(join(cut, 'epoch_1.safetensors'));
    await expect(verify(cut, 2)).rejects.toThrow('epochs that can: 1, 3');
    await expect(verify(cut, 4)).rejects.toThrow('has epochs 1 to 3');
    cpSync(join(run(), 'epoch_1.safetensors'), join(cut, 'epoch_2.safetensors'));
    await expect(verify(cut, 3)).rejects.toThrow('epoch_2.safetensors is not of this record');
    const path = join(cut, 'record.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"step": 8', '"step": 9'));
    await expect(verify(cut, 3)).rejects.toThrow('epoch 2: step, metrics and state hash');
  });
});

it('a run’s weights are published, extracted and taken up by another run', async () => {
  const { path } = await publish({ source: run(), methods });
  const backbone = await extractBackbone({ file: path, methods });
  expect(backbone).toMatchObject({ tensors: 120, expected: 120 });
  for (const [name, pretrained] of [
    ['whole', path],
    ['bare', backbone.path],
  ] as const) {
    const workDir = join(folder, name);
    const next = await train({
      experiment,
      methods,
      data: folder,
      workDir,
      pretrained,
      stopAfterEpoch: 1,
      terminal: quiet,
    });
    expect(next.record.data.pretrained).toBeDefined();
    if (name === 'bare') continue;
    await expect(verify(workDir, 1)).rejects.toThrow('name them with --pretrained');
    const again = verifyEpoch({ workDir, methods, data: folder, pretrained });
    expect(await again).toMatchObject({ pass: true, epoch: 1 });
  }
  const renamed = join(folder, 'moco-00000000.safetensors');
  cpSync(path, renamed);
  const refused = train({
    experiment,
    methods,
    data: folder,
    workDir: join(folder, 'refused'),
    pretrained: renamed,
    terminal: quiet,
  });
  await expect(refused).rejects.toThrow('is not what its name says');
  expect(existsSync(join(folder, 'refused', 'epoch_1.safetensors'))).toBe(false);
});
