import { expect, test } from 'vitest';
import { parseJson } from './json.ts';

test('reads what JSON.parse reads, but no number that is too large for a double', () => {
  for (const text of ['{"a":[1,-0.5e-3,null,"x"],"__proto__":{"b":true}}', '0', '1e308'])
    expect(parseJson(text)).toEqual(JSON.parse(text));
  expect(() => parseJson('{"a":[1,{"lr":1e999}]}')).toThrow('the number at "lr" is too large');
  expect(() => parseJson('-1e999')).toThrow('too large');
  expect(() => parseJson(`${'['.repeat(1e5)}${']'.repeat(1e5)}`)).toThrow(RangeError);
});
