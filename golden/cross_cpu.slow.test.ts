import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { crossCpu, crossCpuId, isMetHere, statesOfToday } from './cross_cpu.ts';

const folder = mkdtempSync(join(tmpdir(), 'cross-cpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

const EPOCHS = 1; // the longer suite runs the rest

it('a run that CPUs of two vendors have met is still the same experiment', () => {
  expect(crossCpuId).toBe(crossCpu.experimentId);
  expect(new Set(crossCpu.met.map(({ cpu }) => cpu.split(' ')[0])).size).toBe(2);
  expect(new Set(crossCpu.states).size).toBe(16);
});

it('it begins with the same bits', async () => {
  const met = await isMetHere();
  // The start is drawn from the seed without any kernel, so it is the same on every machine.
  const states = await statesOfToday(folder, EPOCHS);
  const compared = met ? EPOCHS + 1 : 1;
  expect(states.slice(0, compared)).toEqual(crossCpu.states.slice(0, compared));
});
