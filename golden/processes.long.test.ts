import { describe, expect, it } from 'vitest';
import { inTemporaryFolder } from '../harness/base/index.ts';
import { inProcesses } from './processes.ts';
import { smallOnes } from './processes_cases.ts';
import { chains, sameBits } from './same_bits.ts';

const TIMEOUT = 3_600_000;

describe('every method has the same bits on any number of processes', () => {
  it('eight replicas in fp32 on 1, 2, 4 and 8', () => sameBits({}, 8, [2, 4, 8]), TIMEOUT);
  it(
    'four replicas in bf16 on 1, 2 and 4',
    () => sameBits({ precision: 'bf16' }, 4, [2, 4]),
    TIMEOUT,
  );
  it(
    'and a run goes on from one to two and to four',
    async () => {
      const experiments = [...smallOnes(4, { epochs: 3 }).values()];
      const whole = await chains(1, experiments);
      await inTemporaryFolder('processes', async (folder) => {
        await inProcesses(1, { experiments, folder, stopAfterEpoch: 1 });
        await inProcesses(2, { experiments, folder, stopAfterEpoch: 2 });
        expect(await inProcesses(4, { experiments, folder })).toEqual(whole);
      });
    },
    TIMEOUT,
  );
});
