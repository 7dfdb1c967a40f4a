import { join } from 'node:path';
import { expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { firstTrained } from '../harness/benchmark/trained.ts';
import { train } from '../harness/run/trainer.ts';
import { stoppingAt } from '../harness/testing/stopping.ts';
import { chainOf, common, single } from './small_detector.ts';

it('goes on in the middle of a period with the same bits', () =>
  inTemporaryFolder('detector-', async (folder) => {
    const experiment = firstTrained(single, benchmarks);
    const { record } = await train({ ...common, experiment, workDir: join(folder, 'whole') });
    const options = { ...common, experiment, workDir: join(folder, 'stopped'), resumeFrom: 'auto' };
    const stop = new AbortController();
    const stopped = await train({ ...options, signal: stop.signal }, stoppingAt(1, stop));
    expect(stopped.finished).toBe(false);
    expect(stopped.record.epochs.length).toBe(1);
    const { record: ended } = await train(options);
    expect(chainOf(ended)).toBe(chainOf(record));
  }));
