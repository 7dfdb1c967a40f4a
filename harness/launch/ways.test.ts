import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseWay, type LaunchOptions, type Way } from './choose_way.ts';
import type { Environment } from './environment.ts';
import { nodesIn, tasksIn } from './nodelist.ts';
import { placeOfSeat } from './place_of_seat.ts';
import { tasksOn } from './slurm.ts';

const way = (options: Partial<LaunchOptions>, environment: Environment = {}): Way =>
  chooseWay(
    { processes: undefined, hosts: undefined, rank: undefined, port: undefined, ...options },
    environment,
  );
const placeOf = (options: Partial<LaunchOptions>, environment: Environment = {}) => {
  const found = way(options, environment);
  if (found.kind !== 'seat') throw new Error(`found ${found.kind}`);
  const { rank, servers, meeting } = placeOfSeat(found.seat, environment, 60);
  return { rank, servers, meeting };
};

describe('a list of nodes', () => {
  // As SLURM writes them: scontrol show hostnames has the same.
  it.each([
    ['n1', 'n1'],
    ['gnode[10,20,25,37]', 'gnode10 gnode20 gnode25 gnode37'],
    ['n[1-2],m5,o[3-4,6,7-9]', 'n1 n2 m5 o3 o4 o6 o7 o8 o9'],
    ['n[0001-0003]', 'n0001 n0002 n0003'],
    ['n[8-10]', 'n8 n9 n10'],
    ['n[08-11]', 'n08 n09 n10 n11'],
    ['gpu-a[1-2].cluster', 'gpu-a1.cluster gpu-a2.cluster'],
    ['r[1-2]n[1-2]', 'r1n1 r1n2 r2n1 r2n2'],
    ['r[01,03]c[7-8]-ib,login', 'r01c7-ib r01c8-ib r03c7-ib r03c8-ib login'],
  ])('%s', (list, nodes) => {
    expect(nodesIn(list, 'LIST')).toEqual(nodes.split(' '));
  });

  it.each([
    '',
    'n[',
    'n[1',
    'n1]',
    'n[]',
    'n[3-1]',
    'n[a-c]',
    'n[1-2],,m',
    'n[[1]]',
    'n[1-99999999]',
  ])('"%s" is refused', (list) => {
    expect(() => nodesIn(list, 'LIST')).toThrow(`LIST: found "${list}", expected a list of nodes`);
  });

  it('is what was put together, for any numbers and width', () => {
    const range = fc.tuple(fc.nat(500), fc.nat(30)).map(([from, more]) => [from, from + more]);
    const part = fc.record({ width: fc.nat(5), ranges: fc.array(range, { minLength: 1 }) });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const pad = (value = 0, width = 0) => String(value).padStart(width, '0');
        const texts = parts.map(({ ranges, width }, i) => {
          const inside = ranges.map(([from, to]) => `${pad(from, width)}-${pad(to, width)}`);
          return `p${i}n[${inside.join()}]`;
        });
        const expected = parts.flatMap(({ ranges, width }, i) =>
          ranges.flatMap(([from = 0, to = 0]) =>
            Array.from({ length: to - from + 1 }, (_, j) => `p${i}n${pad(from + j, width)}`),
          ),
        );
        expect(nodesIn(texts.join(), '')).toEqual(expected);
      }),
      { seed: 24 },
    );
  });
});

describe('tasks of nodes', () => {
  it.each([
    ['2(x3),1', [2, 2, 2, 1]],
    ['4', [4]],
    ['1(x4)', [1, 1, 1, 1]],
    ['3,1(x2),8', [3, 1, 1, 8]],
  ])('%s', (list, tasks) => {
    expect(tasksIn(list, 'TASKS')).toEqual(tasks);
  });

  it('lie node after node, or one on each node in turn', () => {
    const nodes = (cyclic: boolean) => tasksOn([3, 1, 2], cyclic).map(({ node }) => node);
    expect(nodes(false)).toEqual([0, 0, 0, 1, 2, 2]);
    expect(nodes(true)).toEqual([0, 1, 2, 0, 2, 0]);
  });
});

describe('--hosts', () => {
  it('names servers by rank; the processes meet above the highest port of the first host', () => {
    expect(placeOf({ hosts: 'a:2222,b:2222', rank: 1 })).toEqual({
      rank: 1,
      servers: ['a:2222', 'b:2222'],
      meeting: 'a:2223',
    });
    expect(placeOf({ hosts: 'a:7,a:9,[fd00::2]:90', rank: 2 })).toEqual({
      rank: 2,
      servers: ['a:7', 'a:9', '[fd00::2]:90'],
      meeting: 'a:10',
    });
    expect(placeOf({ hosts: 'a:1,b:2', rank: 0, port: 77 }).meeting).toBe('a:77');
    expect(placeOf({ hosts: 'a:1,b:2', rank: 0 }, { PORT: '88' }).meeting).toBe('a:88');
    expect(way({ hosts: 'a:1', rank: 0 })).toEqual({ kind: 'alone' });
  });

  it('keeps the order of more than nine', () => {
    const hosts = Array.from({ length: 12 }, (_, i) => `h${i}:2222`);
    expect(placeOf({ hosts: hosts.join(), rank: 11 }).servers).toEqual(hosts);
  });

  it.each<[Partial<LaunchOptions>, RegExp]>([
    [{ hosts: 'a:1,b' }, /--hosts: expected host:port .* found "b"/],
    [{ hosts: 'a:1,b:0', rank: 0 }, /found "b:0"/],
    [{ hosts: 'a:1,b:1' }, /--hosts names 2 processes: say with --rank .* 0 to 1/],
    [{ hosts: 'a:1,b:1', rank: 2 }, /rank 2, but 2 processes are named: expected 0 to 1/],
    [{ hosts: 'a:1,a:1', rank: 0 }, /a:1 is there twice/],
    [{ hosts: 'a:1,b:1', rank: 0, port: 1 }, /a:1 is a process's server already/],
    [{ hosts: 'a:65535,b:1', rank: 0 }, /found 65536, expected a port/],
    [{ hosts: 'a:1,b:1', rank: 0, processes: 4 }, /--processes 4: --hosts has 2; leave/],
    [{ hosts: 'a:1,b:1', rank: 0, processes: 1 }, /--processes 1: --hosts has 2/],
    [{ rank: 1 }, /--rank 1: is a place in --hosts/],
  ])('%j is refused', (options, message) => {
    expect(() => way(options)).toThrow(message);
  });

  it('comes before what the environment says', () => {
    const TF_CONFIG = tf({ worker: ['x:1', 'y:1', 'z:1'] }, 'worker', 0);
    expect(placeOf({ hosts: 'a:1,b:1', rank: 0 }, { TF_CONFIG }).servers).toEqual(['a:1', 'b:1']);
  });
});

const tf = (cluster: object, type: string, index: number | string) =>
  JSON.stringify({ cluster, task: { type, index }, environment: 'cloud' });

describe('TF_CONFIG', () => {
  it.each([
    [tf({ worker: ['a:1', 'b:2'] }, 'worker', 1), { rank: 1, servers: ['a:1', 'b:2'] }],
    [
      tf({ worker: ['a:1', 'b:2'], chief: ['c:3'] }, 'chief', 0),
      { rank: 0, servers: ['c:3', 'a:1', 'b:2'] },
    ],
    [
      tf({ worker: ['a:1', 'b:2'], master: ['c:3'] }, 'worker', '1'),
      { rank: 2, servers: ['c:3', 'a:1', 'b:2'] },
    ],
    [
      tf({ worker: ['a:1', 'b:2'], evaluator: ['c:3'], ps: [] }, 'worker', 0),
      { rank: 0, servers: ['a:1', 'b:2'] },
    ],
  ])('%s', (TF_CONFIG, expected) => {
    expect(placeOf({}, { TF_CONFIG })).toMatchObject(expected);
  });

  // As Kubeflow's training operator writes it.
  it('of a TFJob', () => {
    const names = [0, 1, 2, 3].map((i) => `moco-worker-${i}.research.svc:2222`);
    const TF_CONFIG = tf({ worker: names }, 'worker', 3);
    expect(placeOf({}, { TF_CONFIG })).toEqual({
      rank: 3,
      servers: names,
      meeting: 'moco-worker-0.research.svc:2223',
    });
  });

  it.each(['', '{}', '{"cluster":{}}', tf({ worker: ['a:1'] }, 'worker', 0)])(
    '%j is one process',
    (TF_CONFIG) => {
      expect(way({}, { TF_CONFIG })).toEqual({ kind: 'alone' });
    },
  );

  it.each([
    ['{', /TF_CONFIG: is no JSON .*; expected e.g. /],
    [
      tf({ worker: ['a:1', 'b:1'], ps: ['c:1'] }, 'worker', 0),
      /of the kind "ps": every process trains/,
    ],
    [tf({ worker: ['a:1', 'b:1'] }, 'evaluator', 0), /of the kind "evaluator"/],
    [tf({ worker: ['a:1', 'b:1'] }, 'worker', 2), /task worker 2, but the cluster names 2/],
    [tf({ worker: ['a:1', 'b'] }, 'worker', 0), /TF_CONFIG: expected host:port .* found "b"/],
    [JSON.stringify({ cluster: { worker: ['a:1', 'b:1'] } }), /no task that says which/],
    [JSON.stringify({ cluster: { worker: 'a:1' } }), /TF_CONFIG: cluster.worker: expected array/],
  ])('%s is refused', (TF_CONFIG, message) => {
    expect(() => way({}, { TF_CONFIG })).toThrow(message);
  });

  it('is passed over for --processes 1, and held against any other number', () => {
    const TF_CONFIG = tf({ worker: ['a:1', 'b:2'] }, 'worker', 1);
    expect(way({ processes: 1 }, { TF_CONFIG })).toEqual({ kind: 'alone' });
    expect(way({ processes: 2 }, { TF_CONFIG }).kind).toBe('seat');
    expect(() => way({ processes: 4 }, { TF_CONFIG })).toThrow(
      '--processes 4: TF_CONFIG has 2; leave --processes out, or say --processes 1',
    );
  });
});

/** What srun sets for one task of `srun -N 3 -n 7`. */
const step = {
  SLURM_JOB_ID: '200505',
  SLURM_STEP_ID: '0',
  SLURM_STEP_NUM_TASKS: '7',
  SLURM_NTASKS: '7',
  SLURM_STEP_NODELIST: 'gnode[08-10]',
  SLURM_STEP_TASKS_PER_NODE: '3,2(x2)',
  SLURM_PROCID: '4',
  SLURM_NODEID: '1',
  SLURM_LOCALID: '1',
};

describe('a task of SLURM', () => {
  it('has a seat, with ports that follow from the job', () => {
    const found = placeOf({}, step);
    const port = 10_000 + ((200505 * 31) % 1250) * 16;
    expect(found).toEqual({
      rank: 4,
      servers: [1, 2, 3, 1, 2, 1, 2].map(
        (local, i) => `gnode${['08', '08', '08', '09', '09', '10', '10'][i]}:${port + local}`,
      ),
      meeting: `gnode08:${port}`,
    });
    expect(placeOf({ port: 4000 }, step).servers[4]).toBe('gnode09:4002');
    expect(placeOf({}, { ...step, PORT: '4000' }).meeting).toBe('gnode08:4000');
  });

  it('has one with tasks dealt out in turn', () => {
    const cyclic = { ...step, SLURM_DISTRIBUTION: 'cyclic:block' };
    const { servers } = placeOf(
      { port: 100 },
      { ...cyclic, SLURM_NODEID: '1', SLURM_LOCALID: '1' },
    );
    expect(servers.map((one) => one.slice(0, 7))).toEqual(
      ['08', '09', '10', '08', '09', '10', '08'].map((node) => `gnode${node}`),
    );
  });

  it('has ports below those of outgoing connections, whatever the job', () => {
    fc.assert(
      fc.property(fc.nat(100_000_000), fc.nat(500), (job, id) => {
        const of = { ...step, SLURM_JOB_ID: String(job), SLURM_STEP_ID: String(id) };
        const { meeting, servers } = placeOf({}, of);
        for (const one of [meeting, ...servers]) {
          const port = Number(one.split(':')[1]);
          expect(port >= 10_000 && port < 32_768).toBe(true);
        }
      }),
      { seed: 24 },
    );
  });

  it.each<[string, Environment]>([
    ['in the batch script', { SLURM_JOB_ID: '7', SLURM_NTASKS: '4', SLURM_PROCID: '0' }],
    ['alone in its step', { ...step, SLURM_STEP_NUM_TASKS: '1' }],
    ['outside', {}],
  ])('is an ordinary run %s', (_, environment) => {
    expect(way({}, environment)).toEqual({ kind: 'alone' });
    expect(way({ processes: 4 }, environment)).toEqual({
      kind: 'here',
      processes: 4,
      port: undefined,
    });
  });

  it.each<[Environment, RegExp]>([
    [
      { SLURM_LOCALID: '0' },
      /task 4 is number 0 on node 1, and was expected as number 1 on node 1; use srun/,
    ],
    [
      { SLURM_DISTRIBUTION: 'arbitrary' },
      /SLURM_DISTRIBUTION=arbitrary: .* use srun --distribution=block/,
    ],
    [{ SLURM_STEP_TASKS_PER_NODE: '3,2' }, /7 tasks on 3 nodes .* has 5 on 2/],
    [{ SLURM_STEP_NODELIST: 'gnode[08' }, /SLURM_STEP_NODELIST: found "gnode\[08"/],
    [{ SLURM_PROCID: undefined }, /SLURM_PROCID is not set, which srun sets/],
    [{ SLURM_PROCID: 'x' }, /found SLURM_PROCID=x, expected a whole number/],
    [
      { TF_CONFIG: tf({ worker: ['a:1', 'b:1'] }, 'worker', 0) },
      /TF_CONFIG names 2 .* SLURM's step has 7/,
    ],
    [{ PORT: 'http' }, /--port or PORT: found NaN/],
  ])('%j is refused', (change, message) => {
    expect(() => way({}, { ...step, ...change })).toThrow(message);
  });
});

describe('--processes', () => {
  it('starts them here; one is no start', () => {
    expect(way({ processes: 4, port: 7 })).toEqual({ kind: 'here', processes: 4, port: 7 });
    expect(way({ processes: 1 }, { PORT: 'http' })).toEqual({ kind: 'alone' });
    expect(way({})).toEqual({ kind: 'alone' });
  });
});
