import { expect, test } from 'vitest';
import { verdictOn } from './tests.ts';

const one = (status: string, ...tests: readonly (readonly [string, string])[]) => ({
  status,
  message: status === 'passed' ? '' : 'no such module',
  assertionResults: tests.map(([fullName, own]) => ({ fullName, status: own })),
});
const report = (...testResults: readonly ReturnType<typeof one>[]) => ({
  numTotalTests: testResults.flatMap((file) => file.assertionResults).length,
  testResults,
});

test('the first test that fails has caught a mutation', () => {
  const found = report(
    one('passed', ['a', 'passed']),
    one('failed', ['b', 'passed'], ['c', 'failed']),
  );
  expect(verdictOn(found)).toEqual({ caught: 'the test "c"' });
});

test('tests that pass, that do not run, and that are none, have not', () => {
  expect(verdictOn(report(one('passed', ['a', 'passed'])))).toEqual({ caught: undefined });
  expect(verdictOn(report(one('failed')))).toEqual({ failure: 'the tests stop: no such module' });
  expect(verdictOn(report(one('passed', ['a', 'passed'], ['b', 'pending'])))).toEqual({
    failure: 'the test "b" has no end',
  });
  expect(verdictOn(report())).toEqual({ failure: 'there are no tests' });
});
