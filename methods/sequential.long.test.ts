import { beforeAll, describe, expect, it } from 'vitest';
import { startEngine } from '../harness/engine/index.ts';
import { joinedOtherwise } from '../harness/testing/joined_ops.ts';
import type { SmallRun } from '../harness/testing/method_suite.ts';
import { apart, opsOf, outcomeOf, together } from './sequential.fixture.ts';

describe('replicas one after another give the bits of those side by side', () => {
  beforeAll(startEngine);

  it.each(
    Object.keys({ ...apart, ...together }).flatMap((name) => [
      [name, { replicas: 4, batch: 2, accumulate: 2 }] as const,
      [name, { replicas: 2, precision: 'bf16' }] as const,
    ]),
  )('%s %o', async (name, layout) => {
    const run = { ...apart[name], ...together[name], ...layout } as SmallRun;
    expect(await outcomeOf(run, true)).toEqual(await outcomeOf(run, false));
  });
});

// Values are the same at many sizes where ops are not.
describe('replicas one after another are ops of the same kinds as those side by side', () => {
  beforeAll(startEngine);

  it.each(
    Object.keys({ ...apart, ...together }).flatMap((name) => [
      [name, 'fp32'] as const,
      [name, 'bf16'] as const,
    ]),
  )('%s %s', async (name, precision) => {
    const run = { ...apart[name], ...together[name], replicas: 2, precision } as SmallRun;
    expect(joinedOtherwise(await opsOf(run, false), await opsOf(run, true))).toEqual([]);
  });
});
