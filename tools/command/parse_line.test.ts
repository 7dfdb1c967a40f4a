import { expect, test } from 'vitest';
import type { OptionSpecs } from './option.ts';
import { parseLine, UsageError } from './parse_line.ts';

const options: OptionSpecs = {
  epochs: { kind: 'int', min: 1, help: 'how many' },
  rate: { kind: 'number', help: 'a rate' },
  work_dir: { kind: 'text', help: 'outputs', default: 'work_dirs' },
  precision: { kind: 'text', choices: ['fp32', 'bf16'], help: 'bits' },
  set: { kind: 'list', help: 'override' },
  json: { kind: 'flag', help: 'as JSON' },
  help: { kind: 'flag', help: 'this text' },
};
const spec = {
  options,
  arguments: [
    { name: 'FILE', help: 'what to read' },
    { name: 'OUT', help: 'where', optional: true },
  ],
};

test('options have their types and defaults', () => {
  const line = ['a', '--set', 'x=1', '--epochs=3', '--set', 'y=-2', '--rate', '-1.5e-3', '--json'];
  expect(parseLine('sample', spec, line)).toEqual({
    args: ['a'],
    options: {
      epochs: 3,
      rate: -0.0015,
      work_dir: 'work_dirs',
      precision: undefined,
      set: ['x=1', 'y=-2'],
      json: true,
      help: false,
    },
  });
});

test('the last of an option that is given twice stays', () => {
  const { options: found } = parseLine('sample', spec, ['a', '--epochs', '2', '--epochs', '5']);
  expect(found.epochs).toBe(5);
});

test('who asks for help need not name arguments', () => {
  expect(parseLine('sample', spec, ['--help'])).toMatchObject({
    args: [],
    options: { help: true },
  });
});

test.each([
  [['a', '--work-dir', 'x'], 'no option --work-dir; did you mean --work_dir?'],
  [['a', '--zzzzz'], /sample has no option --zzzzz$/],
  [['a', '--constructor', 'x'], /sample has no option --constructor$/],
  [['a', '-x'], 'sample has no option -x'],
  [['a', '--epochs', '0'], '--epochs: found "0", expected a whole number of at least 1'],
  [['a', '--epochs', '1.5'], 'expected a whole number'],
  [['a', '--epochs', ''], 'expected a whole number'],
  [['a', '--rate', 'fast'], '--rate: found "fast", expected a number'],
  [['a', '--work_dir', '--json'], '--work_dir needs a value'],
  [['a', '--set'], '--set needs a value'],
  [['a', '--json=yes'], '--json takes no value'],
  [['a', '--precision', 'fp8'], 'expected one of fp32, bf16'],
  [[], 'sample needs FILE: what to read'],
  [['a', 'b', 'c'], 'one argument too many, "c"'],
])('%j is a mistake on the command line', (line, message) => {
  const read = () => parseLine('sample', spec, line);
  expect(read).toThrow(message);
  expect(read).toThrow(UsageError);
});
