import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { type Openers, openers } from '../harness/run/open_training.ts';
import { type TrainOptions, train } from '../harness/run/trainer.ts';
import { methods } from '../methods/index.ts';
import { tiny, tinyExperiment } from './tiny.ts';

const folder = mkdtempSync(join(tmpdir(), 'reprise-stopped-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let shown = '';
const terminal = { write: (text: string) => (shown += text) };

function run(name: string, options: Partial<TrainOptions>, open: Openers = openers) {
  const experiment = options.experiment ?? tinyExperiment({ epochs: 2 });
  const workDir = join(folder, name);
  return train({ methods, data: folder, workDir, terminal, ...options, experiment }, open);
}

/** A stop that comes when the n-th judgement begins: of epochs 0 to 2, and at the end. */
function stoppingAtJudgement(number: number, controller: AbortController): Openers {
  let asked = 0;
  const stop = () => {
    if (asked++ === number) controller.abort();
  };
  return {
    ...openers,
    openEvaluator: async (setup) => {
      const evaluator = await openers.openEvaluator(setup);
      return (
        evaluator && {
          ...evaluator,
          atEpoch: (epoch, weights) => {
            stop();
            return evaluator.atEpoch(epoch, weights);
          },
          atEnd: (weights) => {
            stop();
            return evaluator.atEnd(weights);
          },
        }
      );
    },
  };
}

function files(name: string): string[] {
  return ['steps.csv', 'epochs.csv'].map((file) => readFileSync(join(folder, name, file), 'utf8'));
}

describe('a stop during a judgement', () => {
  it.each([1, 2, 3])('number %i is heard, and the run goes on to the same bits', async (number) => {
    const whole = await run('whole', { resumeFrom: 'auto' });
    const controller = new AbortController();
    const { signal } = controller;
    const name = `stopped ${number}`;
    const stopped = await run(name, { signal }, stoppingAtJudgement(number, controller));
    expect([stopped.finished, stopped.record.epochs.length]).toEqual([false, Math.min(number, 3)]);
    const { record, finished } = await run(name, { resumeFrom: 'auto' });
    expect(finished).toBe(true);
    expect(record.epochs).toEqual(whole.record.epochs);
    expect(record.final).toEqual(whole.record.final);
    expect(files(name)).toEqual(files('whole'));
  });

  it('before the first step ends the run, and the same command begins anew', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const first = run('anew', { signal }, stoppingAtJudgement(0, controller));
    await expect(first).rejects.toThrow('aborted');
    expect((await run('anew', {})).finished).toBe(true);
    expect(files('anew')).toEqual(files('whole'));
  });
});

describe('weights of a classifier', () => {
  const of = (root: string) => {
    const { evaluation: _, ...rest } = tiny;
    const train = { kind: 'folder', root };
    return tinyExperiment({
      ...rest,
      method: { kind: 'supervised', classes: 2 },
      data: { ...tiny.data, train, pipelines: [[{ kind: 'resize', size: 16 }]] },
      evaluation: undefined,
      batch: 2,
      epochs: 1,
    });
  };

  async function images(root: string, classes: readonly string[]): Promise<void> {
    const create = { width: 16, height: 16, channels: 3, background: '#123' } as const;
    const png = await sharp({ create }).png().toBuffer();
    for (const name of classes.map((one) => join(folder, root, one, '1.png'))) {
      mkdirSync(dirname(name), { recursive: true });
      writeFileSync(name, png);
    }
  }

  it('begin a run of the same classes, and of no others', async () => {
    await images('cats', ['cat', 'dog']);
    await images('owls', ['dog', 'owl']);
    await run('classified', { experiment: of('cats') });
    const pretrained = join(folder, 'classified', 'epoch_1.safetensors');
    expect((await run('again', { experiment: of('cats'), pretrained })).finished).toBe(true);
    await expect(run('others', { experiment: of('owls'), pretrained })).rejects.toThrow(
      /--pretrained .* and data\.train do not have the same classes .*: "owl"; only in .*: "cat"/,
    );
  });
});
