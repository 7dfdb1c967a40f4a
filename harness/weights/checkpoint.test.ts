import { spawn, spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { sha256Json } from '../base/hash.ts';
import { hostArray } from '../engine/array.ts';
import {
  type Checkpoint,
  latestCheckpoint,
  loadCheckpoint,
  readCheckpointMeta,
  saveCheckpoint,
} from './checkpoint.ts';
import { writeSafetensors } from './safetensors.ts';

const MODULE = new URL('./checkpoint.ts', import.meta.url).href;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const experiment = { name: 'x', optimizer: { lr: 0.03 } };
function checkpoint(epoch: number, epochStep = 0): Checkpoint {
  const tensors = new Map([
    ['encoder_q.0.conv1.weight', hostArray('float32', [2, 2], Float32Array.of(epoch, -0, NaN, 1))],
    ['encoder_q.0.bn1.num_batches_tracked', hostArray('int64', [], BigInt64Array.of(2n ** 60n))],
    ['queue', hostArray('float32', [1, 3], Float32Array.of(0.1, 0.2, 0.3))],
  ]);
  const step = epoch * 10 + epochStep;
  const extra = { sums: { loss: 0.1 + 0.2 } };
  return {
    tensors,
    meta: { experiment, experimentId: sha256Json(experiment), epoch, step, epochStep, extra },
  };
}
const bits = ({ tensors }: Checkpoint) =>
  [...tensors].sort().map(([name, { dtype, shape, data }]) => ({
    name,
    dtype,
    shape,
    bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  }));
const files = () => readdirSync(folder).sort();
const quiet = (message: string) => expect.unreachable(message);

test('a checkpoint comes back whole, whatever the order of its tensors', async () => {
  const one = checkpoint(3);
  const saved = await saveCheckpoint(folder, one);
  const loaded = await loadCheckpoint(saved.file);
  expect(loaded.meta).toEqual(one.meta);
  expect(bits(loaded)).toEqual(bits(one));
  expect(loaded.stateHash).toBe(saved.stateHash);
  const bytes = readFileSync(saved.file);
  const again = { ...one, tensors: new Map([...one.tensors].reverse()) };
  await saveCheckpoint(folder, again);
  expect(readFileSync(saved.file).equals(bytes)).toBe(true);
  expect(readlinkSync(join(folder, 'latest.safetensors'))).toBe('epoch_3.safetensors');
});

test('every changed byte and every cut is noticed', async () => {
  const { file } = await saveCheckpoint(folder, checkpoint(1));
  const good = readFileSync(file);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, flip) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ flip;
        writeFileSync(file, bad);
        await expect(loadCheckpoint(file)).rejects.toThrow(UserError);
      },
    ),
    { seed: 7, numRuns: 400 },
  );
  for (const length of [0, 7, 100, good.length - 1]) {
    writeFileSync(file, good.subarray(0, length));
    await expect(loadCheckpoint(file)).rejects.toThrow(/epoch_1\.safetensors/);
  }
});

test('weights that are no checkpoint are named as such', async () => {
  const file = join(folder, 'epoch_1.safetensors');
  await writeSafetensors(file, { tensors: checkpoint(1).tensors, metadata: {} });
  await expect(loadCheckpoint(file)).rejects.toThrow('is no checkpoint of a run');
});

test('auto takes the furthest and passes over damaged files with a warning', async () => {
  expect(await latestCheckpoint(join(folder, 'none'), quiet)).toBeUndefined();
  expect(await latestCheckpoint(folder, quiet)).toBeUndefined();
  for (const epoch of [1, 2, 9, 10, 11]) await saveCheckpoint(folder, checkpoint(epoch));
  await saveCheckpoint(folder, checkpoint(11, 4));
  expect((await latestCheckpoint(folder, quiet))?.meta.step).toBe(114);
  const damage = (name: string, at: number) => {
    const bytes = readFileSync(join(folder, name));
    bytes[at < 0 ? bytes.length + at : at] = 0x7f;
    writeFileSync(join(folder, name), bytes);
  };
  damage('step_114.safetensors', -2);
  damage('epoch_11.safetensors', 40);
  truncateSync(join(folder, 'epoch_10.safetensors'), 30);
  const warnings: string[] = [];
  const found = await latestCheckpoint(folder, (message) => warnings.push(message));
  expect(found?.meta.epoch).toBe(9);
  expect(warnings).toHaveLength(3);
  expect(warnings.join('\n')).toMatch(/epoch_10.*damaged.*epoch_11.*step_114.*SHA-256/s);
});

test('retention keeps the last, the multiples and the file just written', async () => {
  const rules = { keepLast: 2, keepEvery: 4 };
  for (let epoch = 1; epoch <= 9; epoch++) {
    await saveCheckpoint(folder, checkpoint(epoch - 1, 5), rules);
    await saveCheckpoint(folder, checkpoint(epoch), rules);
  }
  await saveCheckpoint(folder, checkpoint(9, 5), rules);
  const kept = ['epoch_4', 'epoch_8', 'epoch_9', 'latest', 'step_95'];
  expect(files()).toEqual(kept.map((name) => `${name}.safetensors`));
});

const SETTING = `import { saveCheckpoint } from '${MODULE}';
const [folder, from, to, size] = process.argv.slice(1);
const id = '${sha256Json(experiment)}';
for (let epoch = Number(from); epoch <= Number(to); epoch++) {
  const data = new Float32Array(Number(size)).fill(epoch);
  const tensors = new Map([['w', { dtype: 'float32', shape: [data.length], data }]]);
  const meta = { experiment: {}, experimentId: id, epoch, step: epoch, epochStep: 0, extra: {} };
  await saveCheckpoint(folder, { tensors, meta }, { keepLast: 2, keepEvery: 0 })
    .catch((error) => { console.log(error.name, error.message); process.exit(5); });
  if (epoch === Number(from)) console.log('first');
}`;
const flags = ['--import', 'tsx', '--input-type=module', '-e', SETTING];

test('a kill at any moment leaves checkpoints that load', { timeout: 120_000 }, async () => {
  let last = 0;
  for (let round = 0; round < 6; round++) {
    const words = [folder, String(last + 1), '100000', '2000000'];
    const child = spawn(process.execPath, [...flags, ...words]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, 40 + 37 * round));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const found = await latestCheckpoint(folder, quiet);
    expect(found?.meta.epoch).toBeGreaterThan(last);
    last = found?.meta.epoch ?? 0;
    const values = new Set<number | bigint>(found?.tensors.get('w')?.data ?? []);
    expect([...values]).toEqual([last]);
    expect(files().filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }
});

test('a write that the disk cuts short leaves the last checkpoint intact', async () => {
  await saveCheckpoint(folder, checkpoint(1));
  const limited = `ulimit -f 100; exec "$0" "$@"`;
  const words = ['-c', limited, process.execPath, ...flags, folder, '2', '2', '1000000'];
  const { stdout, status } = spawnSync('bash', words, { encoding: 'utf8' });
  expect(status).toBe(5);
  expect(stdout).toMatch(/^UserError cannot write .*epoch_2.safetensors.* untouched/);
  expect((await latestCheckpoint(folder, quiet))?.meta.epoch).toBe(1);
  expect(files()).toEqual(['epoch_1.safetensors', 'latest.safetensors']);
});

test('the description is read without the tensors', async () => {
  const { file } = await saveCheckpoint(folder, checkpoint(2, 3));
  expect(file).toBe(join(folder, 'step_23.safetensors'));
  expect(readCheckpointMeta(file)).toEqual(checkpoint(2, 3).meta);
});
