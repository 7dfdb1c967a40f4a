import { beforeAll, describe, expect, test } from 'vitest';
import type { Hashes } from './determinism.child.ts';
import { inProcess } from './determinism.processes.ts';

const STEPS = 12;
const INTRA = [1, 2, 3, 8];
const INTER = [1, 2, 4];

let reference: Hashes;
beforeAll(async () => {
  reference = await inProcess({ options: {}, steps: STEPS });
});

describe('threads', () => {
  const grid = INTRA.flatMap((intraThreads) =>
    INTER.map((interThreads) => ({ intraThreads, interThreads })),
  );
  test.each(grid)('$intraThreads in an op, $interThreads ops: the same bits', async (options) => {
    expect(await inProcess({ options, steps: STEPS })).toEqual(reference);
  });
});
