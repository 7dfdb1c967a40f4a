import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { crossCpu, isMetHere, statesOfToday } from './cross_cpu.ts';

const folder = mkdtempSync(join(tmpdir(), 'cross-cpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('a run that CPUs of two vendors have met has the same bits, to the end', async (test) => {
  if (!(await isMetHere())) test.skip();
  expect(await statesOfToday(folder, crossCpu.states.length - 1)).toEqual(crossCpu.states);
});
