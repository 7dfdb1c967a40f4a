import { describe, expect, it } from 'vitest';
import { outcomeOf } from './outcome.ts';
import type { RankEnd } from './ranks.ts';

const end = (rank: number, code: number | undefined, signal?: string): RankEnd => ({
  rank,
  code,
  signal,
  notStarted: undefined,
  forced: false,
});

describe('the outcome of a run', () => {
  it('is that of rank 0 where somebody asked for its end', () => {
    const ends = [end(0, 143), end(1, 143)];
    expect(outcomeOf(ends, 130)).toEqual({ code: 130, lines: [], mayMend: false });
    expect(outcomeOf(ends, undefined).code).toBe(143);
  });

  it('is the failure of a process for which rank 0 saved', () => {
    const ends = [end(0, 143), end(1, 1)];
    expect(outcomeOf(ends, undefined)).toEqual({ code: 1, lines: [], mayMend: false });
  });

  it('may be mended where a process was killed and the others lost it', () => {
    const ends = [end(1, undefined, 'SIGKILL'), end(0, 75)];
    const { code, lines, mayMend } = outcomeOf(ends, undefined);
    expect({ code, mayMend }).toEqual({ code: 137, mayMend: true });
    expect(lines.join()).toMatch(/rank 1 was killed \(SIGKILL\)/);
  });

  it('may be mended where all lost the others, and not where one says what is wrong', () => {
    expect(outcomeOf([end(0, 75), end(1, 75)], undefined).mayMend).toBe(true);
    expect(outcomeOf([end(1, 1), end(0, 75)], undefined)).toMatchObject({
      code: 1,
      mayMend: false,
    });
  });
});
