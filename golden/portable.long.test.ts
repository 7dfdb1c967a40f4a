import { expect, test } from 'vitest';
import { drawn } from './drawn.ts';
import { portableVerdict } from './portable.ts';

test.each(drawn)(
  '$name with portable numerics is its golden bit for bit, to the end',
  async ({ name }) => {
    const { kind, pass, text } = await portableVerdict(name);
    expect(pass, text).toBe(true);
    expect(kind, text).toBe('exact');
  },
);
