import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineOf, type Result, runParity } from '../harness/testing/parity/run.ts';
import { parityCases } from './parity_cases.ts';

const fixtures = fileURLToPath(new URL('parity', import.meta.url));

async function run(folder: string, name: string): Promise<Result> {
  for await (const result of runParity(folder, parityCases, [name])) return result;
  throw new Error(`no case ${name}`);
}

it.each([
  ['moco_v1', 200],
  ['moco_v2_r50', 200],
  ['moco_ranks', 200],
  ['simclr_ranks', 200],
  ['byol', 400],
  ['byol_momentum', 1],
  ['byol_accumulate', 300],
  ['byol_sum', 50],
  ['byol_classes', 50],
  ['classifier_flat', 40],
  ['sync_bn', 40],
  ['sync_bn_unequal', 60],
  ['sync_bn_ranks12', 100],
  ['memory_ranks_unequal', 15],
  ['simclr_ranks3', 80],
  ['simclr_ranks12_syncbn', 100],
  ['backbone_caffe_gn', 30],
  ['backbone_resnext_cp', 60],
  ['neck_unpooled', 60],
  ['coco_ap', 3],
  ['voc_ap', 20],
  ['det_data', 20],
  ['det_resize', 10],
  ['det_weights', 5],
  ['det_anchors', 5],
  ['det_box_coder', 20],
  ['det_nms', 0],
  ['det_mask_targets', 20],
  ['det_roi_align', 3],
  ['det_rpn_few', 20],
  ['det_precise_bn', 8],
  ['det_c4_mask_step', 40],
])('agrees with the reference: %s', async (name, atLeast) => {
  const result = await run(fixtures, name);
  process.stdout.write(`${lineOf(result)}\n`);
  expect(result.failed).toEqual([]);
  expect(result.problem).toBeUndefined();
  expect(result.compared).toBeGreaterThan(atLeast);
});

describe('a case that is not as it should be fails by name', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'parity-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  interface Case {
    hyper_parameters: Record<string, unknown>;
    model: Record<string, Record<string, unknown>>;
    tensors: Record<string, { role: string }>;
  }

  async function spoilt(name: string, change: (json: Case) => void, of = 'moco_ranks') {
    const json: Case = JSON.parse(readFileSync(join(fixtures, `${of}.json`), 'utf8'));
    change(json);
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
    copyFileSync(join(fixtures, `${of}.safetensors`), join(folder, `${name}.safetensors`));
    return run(folder, name);
  }

  it.each<[string, (json: Case) => void, RegExp]>([
    [
      'unknown option',
      ({ model }) => Object.assign(model, { symmetric: true }),
      /unsupported: model\.symmetric, because no option of that name is known there/,
    ],
    [
      'unknown optimizer',
      (json) => Object.assign(json.hyper_parameters, { optimizer: { type: 'Rprop', lr: 1 } }),
      /unsupported: optimizer Rprop, because the harness has SGD, LARS, Adam, AdamW and no other/,
    ],
    [
      'mixed precision',
      (json) => Object.assign(json.hyper_parameters, { optimizer_config: { use_fp16: true } }),
      /unsupported: use_fp16, because it is apex O1/,
    ],
    [
      'unknown neck',
      ({ model }) => Object.assign(model.neck ?? {}, { type: 'NonLinearNeckV9' }),
      /model: neck\.type/,
    ],
    [
      'wrong width',
      ({ model, hyper_parameters }) => {
        hyper_parameters.width = 8;
        Object.assign(model.backbone ?? {}, { base_width: 8 });
      },
      /init\.encoder_q\.0\.conv1\.weight: found shape \[4,3,7,7\], expected \[8,3,7,7\]/,
    ],
    [
      'wrong image size',
      (json) => Object.assign(json.hyper_parameters, { size: 32 }),
      /rank0\.in\.step1\.img: found shape \[4,2,3,48,48\], expected \[4,2,3,32,32\]/,
    ],
    [
      'missing input',
      ({ tensors }) => Object.assign(tensors['init.queue'] ?? {}, { role: 'expected' }),
      /input is missing: init\.queue/,
    ],
    [
      'more steps than tensors',
      (json) => Object.assign(json.hyper_parameters, { steps: 2 }),
      /input is missing: rank0\.in\.step2\.img/,
    ],
  ])('%s', async (name, change, message) => {
    const result = await spoilt(name.replaceAll(' ', '_'), change);
    expect(result.pass).toBe(false);
    expect(lineOf(result)).toMatch(message);
  });

  it('facts about the inputs change nothing', async () => {
    const facts = { queue_ptr: 8, empty: [1, 4], predictor: 2, norm_type: 'BN' };
    const result = await spoilt('facts', (json) => Object.assign(json.hyper_parameters, facts));
    expect(lineOf(result)).toMatch(/^PASS/);
  });

  it('a mean where losses are summed misses the reference', async () => {
    const change = ({ model }: Case) => Object.assign(model.head ?? {}, { size_average: true });
    const result = await spoilt('mean', change, 'byol_sum');
    expect(result.problem).toBeUndefined();
    expect(result.failed.map(({ name }) => name)).toContain('step1.out.loss');
  });

  it('another temperature misses the reference', async () => {
    const result = await spoilt('temperature', ({ hyper_parameters, model }) => {
      hyper_parameters.temperature = 0.201;
      Object.assign(model.head ?? {}, { temperature: 0.201 });
    });
    expect(result.pass).toBe(false);
    expect(result.failed.map(({ name }) => name)).toContain('rank0.step1.out.loss');
  });

  it('another key momentum misses the reference', async () => {
    const result = await spoilt('momentum', ({ hyper_parameters, model }) => {
      hyper_parameters.momentum = 0.9985;
      Object.assign(model, { momentum: 0.9985 });
    });
    expect(result.pass).toBe(false);
  });

  it.each([1, 4])('an update every %i iterations misses the one every second', async (every) => {
    const change = (json: Case) => Object.assign(json.hyper_parameters, { update_interval: every });
    const result = await spoilt(`interval${every}`, change, 'byol_accumulate');
    expect(result.problem).toBeUndefined();
    const names = result.failed.map(({ name }) => name);
    expect(names).toContain('step2.state.online_net.0.conv1.weight');
    expect(names).toContain('step3.state.momentum');
  });
});
