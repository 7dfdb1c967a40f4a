import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkedMethod } from '../../harness/run/open_training.ts';
import { methods } from '../../methods/index.ts';
import { caseName, speedReports } from '../../reports/speed.ts';
import { stepCommands } from './both_sides.ts';
import { chosen, speedCases } from './cases.ts';
import { timedExperiment } from './experiment.ts';
import type { Shape } from './shape.ts';
import { checkLoop, numbersOf, timedStepNamed, timedSteps } from './timed_steps.ts';

const shape: Shape = {
  method: 'moco',
  depth: 18,
  size: 32,
  batch: 64,
  queue: 65536,
  precision: 'fp32',
  threads: 0,
  inter: 0,
  lanes: 2,
  numerics: 'native',
  'small-stem': false,
};
const steps = await timedSteps();
const cases = await speedCases();

describe('timed steps', () => {
  it('are one of each method, in an order of their own', () => {
    expect(steps.map(({ kind }) => kind).sort()).toEqual(Object.keys(methods).sort());
    expect(steps.map(({ row }) => row)).toEqual(steps.map((_, i) => i + 1));
  });

  it.each(steps)('$kind makes an experiment that can be opened, at both sizes', (step) => {
    for (const one of [shape, { ...shape, depth: 50, size: 224, batch: 8 }]) {
      const { views, kind } = checkedMethod(timedExperiment(step, one), methods);
      expect(kind).toBe(step.kind);
      expect(views).toBeGreaterThan(0);
    }
  });

  it('take the numbers of the data set that images of this size stand for', async () => {
    const odc = await timedStepNamed('odc');
    expect(numbersOf(odc, 32)).toEqual({ samples: 50000, clusters: 100, least: 16 });
    expect(numbersOf(odc, 224)).toEqual({ samples: 1281167, clusters: 10000, least: 20 });
    expect(timedExperiment(odc, shape).method).toMatchObject({ clusters: 100, minCluster: 16 });
    const moco = await timedStepNamed('moco');
    expect(numbersOf(moco, 32)).toEqual({});
    const { method } = timedExperiment(moco, { ...shape, depth: 50, queue: 4096 });
    expect(method).toMatchObject({ queue: 4096, neck: { hidden: 2048 } });
  });

  it('are found by name, with underscores or without', async () => {
    for (const { kind } of steps) expect((await timedStepNamed(kind)).kind).toBe(kind);
    expect((await timedStepNamed('relativeLoc')).kind).toBe('relative_loc');
    await expect(timedStepNamed('nope')).rejects.toThrow(
      /^--method: found 'nope', expected one of/,
    );
  });

  it('go through a whole loop where it is published', async () => {
    await checkLoop(await timedStepNamed('moco'));
    const refused = checkLoop(await timedStepNamed('byol'));
    await expect(refused).rejects.toThrow('--files: found --method byol, expected moco');
  });
});

describe('cases', () => {
  const names = cases.map(({ shape: one }) => caseName(one));

  it('stand in the order of the report', () => {
    const file = new URL('../../reports/speed.json', import.meta.url);
    for (const report of speedReports.parse(JSON.parse(readFileSync(file, 'utf8')))) {
      const kept = report.cases.map(caseName);
      expect(kept).toEqual(names.filter((name) => kept.includes(name)));
    }
  });

  it('are chosen by name or method; without files there is no loop', () => {
    const choose = (methodNames: string[], caseNames: string[], files?: string) =>
      chosen(cases, { methods: methodNames, cases: caseNames, files }).map(({ shape: one }) =>
        caseName(one),
      );
    expect(choose([], [])).toEqual([
      'moco step 50/224/8 fp32',
      'moco step 50/224/8 bf16',
      'moco step 18/32/64 fp32',
      'moco step 18/32/64 bf16',
    ]);
    expect(choose(['moco'], [], 'list')).toHaveLength(8);
    expect(choose([], ['npid step 18/32/64 bf16'])).toEqual(['npid step 18/32/64 bf16']);
    expect(choose(['all'], [], 'list')).toEqual(names);
    expect(() => choose([], ['moco loop 18/32/64 bf16'])).toThrow(
      /^--case: found 'moco loop 18\/32\/64 bf16', expected one of 'moco step 50\/224\/8 fp32', /,
    );
  });

  it('run the same step on both sides', () => {
    const options = { python: 'py', reference: 'ref.py', files: undefined };
    const linesOf = (name: string, count: number) => {
      const [one] = chosen(cases, { methods: [], cases: [name], files: undefined });
      if (one === undefined) throw new Error(name);
      const { ours, torch } = stepCommands(one, count, options);
      return { ours: ours.slice(3).join(' '), torch: torch.slice(2).join(' ') };
    };
    const line = '--depth 18 --size 32 --batch 64 --precision fp32 --steps 42';
    expect(linesOf('moco step 18/32/64 fp32', 42)).toEqual({
      ours: `--method moco ${line} --turns --warmup 0 --json`,
      torch: `ref.py --method moco ${line} --warmup 0`,
    });
    const { torch } = linesOf('odc step 18/32/64 fp32', 42);
    expect(torch).toMatch(/tools\/torch\/perf_methods\.py --reference ref\.py --method odc /);
    expect(torch).toContain(`${line} --warmup 0 --samples 50000 --clusters 100 --least 16`);
  });
});
