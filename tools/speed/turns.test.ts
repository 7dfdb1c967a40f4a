import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Case } from './cases.ts';
import type { Lap } from './lap.ts';
import { turnsInPairs } from './pairs.ts';
import { startTimed } from './timed_process.ts';
import { turnsFrom } from './turns.ts';

const lap = (step: number): Lap => ({ step, session: step, waited: 0, cpu: 0 });

describe('our end', () => {
  it('waits for each turn and tells of its laps', async () => {
    const input = new PassThrough();
    const told: number[][] = [];
    const turns = turnsFrom(input, (laps) => told.push(laps.map(({ step }) => step)));
    input.write('2\n1\n');
    for (const step of [1, 2, 3]) {
      await turns.begin();
      turns.end(lap(step));
    }
    expect(told).toEqual([[1, 2], [3]]);
    input.end();
    await expect(turns.begin()).rejects.toThrow("--turns: found 'undefined', expected a number");
    turns.close();
  });
});

/** A process that takes turns: a step takes `ms`, and the result says how many it took. */
function fake(ms: number): string[] {
  const code = `
    let taken = 0;
    console.log('not a line of JSON');
    require('node:readline').createInterface({ input: process.stdin })
      .on('line', (line) => {
        taken += Number(line);
        console.log(JSON.stringify({ turn: { step_ms: ${ms} * Number(line) } }));
      })
      .on('close', () => console.log(JSON.stringify({
        framework: 'fake', version: '1', threads: 1, step_ms: 1, images_per_second: taken, peak_rss_mb: 1,
      })));`;
  return [process.execPath, '-e', code];
}

describe('the other end', () => {
  it('gets turns, then the result', async () => {
    const side = startTimed(fake(2));
    expect(await side.turn(3)).toEqual({ step_ms: 6 });
    expect(await side.result()).toMatchObject({ framework: 'fake', images_per_second: 3 });
  });

  it('says what a command that fails had to say', async () => {
    const broken = [process.execPath, '-e', "console.error('no torch'); process.exit(3)"];
    await expect(startTimed(broken).result()).rejects.toThrow(/ended with 3:\nno torch/);
    await expect(startTimed(broken).turn(1)).rejects.toThrow(/ended with 3:\nno torch/);
    await expect(startTimed(['/no/such/program']).result()).rejects.toThrow('ENOENT');
    const silent = startTimed([process.execPath, '-e', '']);
    await expect(silent.result()).rejects.toThrow('printed no result');
  });
});

describe('pairs', () => {
  it('hold a turn of each side, with the rate that follows from it', async () => {
    const one: Case = {
      shape: {
        method: 'moco',
        kind: 'step',
        depth: 18,
        size: 32,
        batch: 8,
        precision: 'fp32',
      },
      timed: { kind: 'moco', row: 1, reference: true },
      steps: 2,
    };
    const pairs = await turnsInPairs(one, { ours: fake(1), torch: fake(2) }, 3);
    expect(pairs).toHaveLength(3);
    for (const { ours, torch } of pairs) {
      expect([ours.step_ms, ours.images_per_second]).toEqual([2, 4000]);
      expect([torch.step_ms, torch.images_per_second]).toEqual([4, 2000]);
    }
  });
});
