import { expect, it } from 'vitest';
import { portableVerdict } from './portable.ts';

// Whatever CPU this is; all of them to their ends are in the longer suite. What a pretended CPU of another kind
// computes with portable numerics is in tools/cpuid/portable.slow.test.ts.
it('relative-loc with portable numerics is its golden bit for bit', async () => {
  const { kind, pass, values, text } = await portableVerdict('relative-loc', 1);
  expect(pass, text).toBe(true);
  expect(kind, text).toBe('exact');
  expect(values).toBeGreaterThan(10);
});
