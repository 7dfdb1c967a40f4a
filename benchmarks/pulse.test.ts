import { describe, expect, it } from 'vitest';
import { UserError } from '../harness/base/errors.ts';
import { hostArray } from '../harness/engine/array.ts';
import { healthSpec, pulse, pulseOf } from './pulse.ts';

const health = healthSpec.parse({});

// docs/reference/benchmarks.md, section 6, and thread 88 of the original: numbers of users' logs.
it.each([
  ['alive', 1000, 68, 0.14],
  ['alive', 1000, 100, 0.26],
  ['dead', 1000, 6.91, 0.001],
  ['dead', 1000, 6.9, 0.003],
  ['faint', 1000, 40, 0.001],
  ['alive', 10, 2.3, 0.2],
  ['dead', 10, Math.LN10, 0.1],
  ['faint', 10, 3.2, 0.11],
] as const)(
  'a classifier is %s: %i classes, loss %d, accuracy %d',
  (found, classes, loss, accuracy) => {
    expect(pulseOf({ classes, health }, { loss, accuracy, images: 256 })).toBe(found);
  },
);

describe('after a hundred steps', () => {
  const look = async (weights: string | undefined, loss: number, accuracy: number, step = 99) => {
    const said: string[] = [];
    const log = {
      info: (text: string) => void said.push(`info ${text}`),
      warn: (text: string) => void said.push(`warn ${text}`),
    };
    const of = (value: number) => hostArray('float32', [], Float32Array.of(value));
    const outputs = { loss: of(loss), accuracy: of(accuracy) };
    const at = { step, epoch: 0, epochStep: step, images: 256, outputs };
    const found = await pulse({ log, weights }, at, { classes: 1000, health });
    expect(found).toEqual({});
    return said;
  };

  it('a dead load ends the run, and names the weights and the way out', async () => {
    await expect(look('moco_v2.pth', 6.91, 0.001)).rejects.toThrow(UserError);
    await expect(look('moco_v2.pth', 6.91, 0.001)).rejects.toThrow(
      /^moco_v2\.pth: a dead load: loss 6\.91, accuracy 0\.1 % after 100 steps.*--prefix.*health\.steps=0/,
    );
  });

  it('random weights are told of, and go on', async () => {
    expect(await look(undefined, 6.91, 0.001)).toEqual([
      expect.stringMatching(/^warn .*has learnt nothing yet: loss 6\.91.*the weights are random$/),
    ]);
  });

  it('a guess with a large loss is told of, and goes on', async () => {
    expect(await look('moco_v2.pth', 40, 0)).toEqual([expect.stringMatching(/^warn /)]);
  });

  it('a healthy one is told of in a line', async () => {
    expect(await look('moco_v2.pth', 71.2, 0.191)).toEqual([
      'info the classifier learns: loss 71.20, accuracy 19.1 % after 100 steps',
    ]);
  });

  it('nothing is looked at before and after', async () => {
    expect(await look('moco_v2.pth', 6.91, 0.001, 98)).toEqual([]);
    expect(await look('moco_v2.pth', 6.91, 0.001, 100)).toEqual([]);
  });
});
