import { expect, test } from 'vitest';

const OWN = './arithmetic.ts?own'; // another instance of the module, so that nothing is held yet

test('a process computes in one way, and says what to do with another', async () => {
  const { heldNumerics, useNumerics }: typeof import('./arithmetic.ts') = await import(OWN);
  useNumerics('portable');
  useNumerics('portable');
  expect(heldNumerics()).toBe('portable');
  expect(() => useNumerics()).toThrow(
    /^numerics: native, but this process computes with portable numerics already.*processes of their own$/,
  );
  expect(heldNumerics()).toBe('portable');
});
