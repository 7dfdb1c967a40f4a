import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { codeGraphHash } from '../harness/step/code_graph.ts';
import { stepFeeds } from '../harness/step/step_inputs.ts';
import { joinedOtherwise } from '../harness/testing/joined_ops.ts';
import {
  batchOf,
  type SmallRun,
  smallLearner,
  withLearner,
} from '../harness/testing/method_suite.ts';
import { apart, opsOf, outcomeOf, together } from './sequential.fixture.ts';

const synced = 'byol, all synchronised';
const runs: Readonly<Record<string, SmallRun | undefined>> = { ...apart, ...together };

// Every method, precision and 2 and 4 replicas: sequential.long.test.ts.
describe('replicas one after another', () => {
  beforeAll(startEngine);

  it.each([
    ['moco', { replicas: 4, batch: 2, accumulate: 2 }],
    ['simclr', { replicas: 2, precision: 'bf16' }],
    // A norm and its ReLU, which TensorFlow makes one op of, are not parted by what is made again.
    ['simclr', { replicas: 2, batch: 2 }],
    ['barlow_twins', { replicas: 4, batch: 2 }],
    [synced, { replicas: 2, batch: 2 }],
  ] as const)('give the bits of %s side by side: %o', async (name, layout) => {
    const run = { ...runs[name], ...layout } as SmallRun;
    expect(await outcomeOf(run, true)).toEqual(await outcomeOf(run, false));
  });

  // What is made again takes values that others took alone: TensorFlow then joins other ops, which round otherwise.
  it.each(['simclr', synced])(
    'are ops of the same kinds as those side by side: %s',
    async (name) => {
      const run = { ...runs[name], replicas: 2, batch: 2 } as SmallRun;
      const ops = await opsOf(run, false);
      expect(ops.filter(({ type }) => /Conv2D/.test(type)).length).toBeGreaterThan(20);
      expect(joinedOtherwise(ops, await opsOf(run, true))).toEqual([]);
    },
  );

  it('begin when the one before has its last gradient', async () => {
    const run = { ...apart.supervised, replicas: 3, size: 32 } as SmallRun;
    await withLearner(
      run,
      async (learner) => {
        const { program } = learner;
        const feeds = stepFeeds(batchOf(learner, 0), { rate: 0.1 });
        await program.run('step', feeds);
        const times = (await program.profile('step', feeds)).flatMap((time) => {
          const node = program.graph.find(time.node);
          return node === undefined ? [] : [{ ...time, node }];
        });
        for (const part of [1, 2]) {
          const later = times.filter(({ node }) => node.part === part && node.type === 'Conv2D');
          const earlier = times.filter(({ node }) => node.part === part - 1 && node.gradient);
          expect(later.length).toBeGreaterThan(4);
          expect(earlier.length).toBeGreaterThan(30);
          const begin = Math.min(...later.map(({ start }) => start));
          const end = Math.max(...earlier.map(({ start, duration }) => start + duration));
          expect(begin).toBeGreaterThanOrEqual(end);
        }
      },
      { sequential: true },
    );
  });

  it('let go of what gradients of the last layers take before they go on to the first, where they meet', async () => {
    const run = { ...runs[synced], replicas: 2, batch: 2, size: 32 } as SmallRun;
    await withLearner(
      run,
      async (learner) => {
        const { program } = learner;
        const feeds = stepFeeds(batchOf(learner, 0), {
          rate: 0.1,
          scalars: { keep: 0.9, take: 0.1 },
        });
        await program.run('step', feeds);
        const made = new Map(program.graph.nodes.map((node, place) => [node.name, place] as const));
        const began = (await program.profile('step', feeds)).flatMap(({ node: name, start }) => {
          const node = program.graph.find(name);
          return node?.type === 'Conv2DBackpropFilter' || node?.type === 'Conv2DBackpropInput'
            ? [{ ...node, start, place: made.get(name) ?? 0 }]
            : [];
        });
        for (const part of [0, 1]) {
          const own = began.filter((op) => op.part === part).sort((a, b) => a.place - b.place);
          const filters = own.filter(({ type }) => type === 'Conv2DBackpropFilter');
          const inputs = own.filter(({ type }) => type === 'Conv2DBackpropInput');
          expect(filters.length).toBeGreaterThan(10);
          const last = filters.at(0)?.start ?? Number.NaN;
          expect(last).toBeLessThan(inputs.at(-1)?.start ?? Number.NaN);
        }
      },
      { sequential: true },
    );
  });

  it('are in no code graph: its hash is that of the ordinary layout', () => {
    const run = { ...apart.supervised, replicas: 2 } as SmallRun;
    const hashes = [false, true].map((sequential) => {
      const learner = smallLearner(run, { sequential });
      const hash = codeGraphHash(learner);
      learner.dispose();
      return hash;
    });
    expect(hashes[1]).toBe(hashes[0]);
  });

  it.each([
    ['supervised', 0],
    ['simclr', 1],
    [synced, 1],
  ] as const)('of %s are made again on the way back only where they meet there', (name, again) => {
    const count = (sequential: boolean) => {
      const learner = smallLearner({ ...runs[name], replicas: 2 } as SmallRun, { sequential });
      const found = learner.program.graph.nodes.filter(({ type }) => type === 'Conv2D').length;
      learner.dispose();
      return found;
    };
    const more = count(true) - count(false);
    expect(Math.sign(more)).toBe(again);
  });
});
