import { describe, expect, it } from 'vitest';
import { deviceOf, gpusHere } from './devices.ts';
import { processesHere } from './processes_here.ts';
import { withoutProxy } from './proxies.ts';

const of = (rank: number, ...servers: string[]) => ({ rank, servers });

describe('processes that share the cores of one', () => {
  it.each([
    [of(0, 'a:1', 'a:2', 'a:3', 'a:4'), {}, { usable: 8, all: 8 }, 4],
    [of(2, 'a:1', 'a:2', 'b:1'), {}, { usable: 8, all: 8 }, 1],
    [of(1, 'a:1', 'b:1', 'a:2'), {}, { usable: 8, all: 8 }, 1],
    // Started under taskset, they share what it left.
    [of(0, 'a:1', 'a:2'), {}, { usable: 4, all: 8 }, 2],
    // srun has given each its own, or none has.
    [of(0, 'a:1', 'a:2'), { SLURM_STEP_NUM_TASKS: '2' }, { usable: 4, all: 8 }, 1],
    [of(0, 'a:1', 'a:2'), { SLURM_STEP_NUM_TASKS: '2' }, { usable: 8, all: 8 }, 2],
  ])('%j with %j on %j: %i', (place, environment, cores, expected) => {
    expect(processesHere(place, environment, cores)).toBe(expected);
  });
});

describe('the GPU of a process', () => {
  it('is the one of its number among those that are visible', () => {
    const gpus = gpusHere({ REPRISE_DEVICE: 'cpu' });
    expect(gpus).toEqual([]);
    expect(deviceOf(1, 2, ['4', '7'], false)).toEqual({ CUDA_VISIBLE_DEVICES: '7' });
    expect(deviceOf(1, 2, [], false)).toEqual({});
    expect(deviceOf(1, 2, undefined, false)).toEqual({});
  });

  it('is left as it is where each has one already', () => {
    expect(deviceOf(1, 2, ['GPU-8f2c'], true)).toEqual({});
  });

  it('is refused where there are more processes than GPUs', () => {
    expect(() => deviceOf(0, 4, ['0', '1'], false)).toThrow(
      '4 processes on this machine, which has 2 GPUs (0, 1), and each process has one of its own; start 2 here, or set REPRISE_DEVICE=cpu',
    );
  });
});

it('takes the servers of a run out of what goes through a proxy, beside what is out of it', () => {
  const place = of(0, 'a:1', 'a:2', '[fd00::2]:3');
  expect(withoutProxy(place, { no_proxy: '.local,a' })).toEqual({
    no_grpc_proxy: '.local,a,fd00::2',
  });
  expect(withoutProxy(place, {})).toEqual({ no_grpc_proxy: 'a,fd00::2' });
});
