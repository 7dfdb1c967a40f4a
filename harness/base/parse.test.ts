import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { override } from '../experiment/override.ts';
import { UserError } from './errors.ts';
import { parse } from './parse.ts';

const Schema = z.strictObject({
  epochs: z.int().positive().default(3),
  optimizer: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sgd'), lr: z.number(), nesterov: z.boolean().optional() }),
      z.strictObject({ kind: z.literal('lars'), eta: z.number() }),
    ])
    .readonly(),
  warmup: z.union([z.literal('none'), z.strictObject({ epochs: z.int() })]).default('none'),
  rules: z
    .array(z.strictObject({ match: z.string().refine((s) => s !== '(', 'expected a pattern') }))
    .default([]),
  precision: z.enum(['fp32', 'bf16']).default('fp32'),
});
const sgd = { kind: 'sgd', lr: 0.1 };

function messageOf(value: unknown): string {
  try {
    parse(Schema, value, 'experiment x');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error instanceof Error ? error.message : '';
  }
  return 'no error';
}

test('a right value comes back with its defaults', () => {
  expect(parse(Schema, { optimizer: sgd }, 'x')).toEqual({
    epochs: 3,
    optimizer: sgd,
    warmup: 'none',
    rules: [],
    precision: 'fp32',
  });
});

test.each([
  [
    { optimizer: { ...sgd, nestrov: true } },
    'optimizer.nestrov is not known; did you mean nesterov?',
  ],
  [
    { optimizer: sgd, zzzz: 1 },
    /^experiment x: zzzz is not known; expected epochs, optimizer, war/,
  ],
  [
    { optimizer: { kind: 'sgdd' } },
    `optimizer.kind: expected 'sgd' | 'lars', found "sgdd"; did you`,
  ],
  [{ optimizer: { kind: 'sgd', lr: '0.1' } }, 'optimizer.lr: expected number, found "0.1"'],
  [{ optimizer: { kind: 'sgd', lr: Number.NaN } }, 'optimizer.lr: expected number, found NaN'],
  [{}, 'optimizer is missing; expected object'],
  [{ optimizer: { kind: 'lars' } }, 'optimizer.eta is missing; expected number'],
  [{ optimizer: sgd, epochs: 0 }, 'epochs: expected number to be >0, found 0'],
  [{ optimizer: sgd, epochs: 1.5 }, 'epochs: expected int, found 1.5'],
  [{ optimizer: sgd, precision: 'bf61' }, 'found "bf61"; did you mean "bf16"?'],
  [
    { optimizer: sgd, rules: [{ match: 'a' }, { mach: 'b' }] },
    'rules[1].mach is not known; did you',
  ],
  [{ optimizer: sgd, rules: [{ match: '(' }] }, 'rules[0].match: expected a pattern, found "("'],
  [{ optimizer: sgd, warmup: { epoch: 1 } }, 'warmup.epoch is not known; did you mean epochs?'],
  [{ optimizer: sgd, warmup: 3 }, 'warmup: Invalid input, found 3'],
  [5, 'experiment x: it: expected object, found 5'],
])('%j is refused', (value, message) => expect(messageOf(value)).toMatch(message));

test('every mistake has its line', () => {
  const message = messageOf({ optimizer: { kind: 'sgd', lr: 1, a: 1, b: 2 }, epochs: -1 });
  expect(message.split('\n')).toHaveLength(4);
  expect(message).toContain('experiment x: 3 mistakes\n  epochs: expected');
});

test('a path in front is part of every place', () => {
  expect(() => parse(z.strictObject({}), { queue: 1 }, 'experiment x', ['method'])).toThrow(
    'method.queue is not known',
  );
});

test('overrides replace, add, append and read JSON or text', () => {
  const value = { optimizer: { lr: 1, rules: [{ a: 1 }] }, name: 'x' };
  const copy = structuredClone(value);
  const settings = [
    'optimizer.lr=0.5',
    'optimizer.lr=3e-2',
    'name=a=b c',
    'new.deep.key=[1,{"x":null}]',
    'optimizer.rules.0.a=true',
    'optimizer.rules.1={"a":"2"}',
    'text="5"',
    '__proto__=1',
  ];
  const result = override(value, settings);
  expect(value).toEqual(copy);
  expect(JSON.parse(JSON.stringify(result))).toEqual(
    JSON.parse(
      '{"optimizer":{"lr":0.03,"rules":[{"a":true},{"a":"2"}]},"name":"a=b c",' +
        '"new":{"deep":{"key":[1,{"x":null}]}},"text":"5","__proto__":1}',
    ),
  );
});

test.each([
  ['optimizer', 'expected key.path=value'],
  ['=1', 'expected key.path=value'],
  ['a..b=1', 'expected key.path=value'],
  ['name.first=1', '"x" has no field first'],
  ['list.x=1', 'x is no place in a list; expected 0 to 1'],
  ['list.2=1', '2 is no place in a list'],
])('--set %s is refused', (setting, message) => {
  expect(() => override({ name: 'x', list: [1] }, [setting])).toThrow(UserError);
  expect(() => override({ name: 'x', list: [1] }, [setting])).toThrow(message);
});

test('any field set is the field read', () => {
  const key = fc.string({ minLength: 1 }).filter((s) => !/[.=]/.test(s));
  fc.assert(
    fc.property(key, fc.jsonValue(), (name, value) => {
      const result = override({ [name]: 0, other: 1 }, [`${name}=${JSON.stringify(value)}`]);
      expect(JSON.stringify(Object.entries(Object(result)).find(([k]) => k === name))).toBe(
        JSON.stringify([name, value]),
      );
    }),
    { seed: 5 },
  );
});
