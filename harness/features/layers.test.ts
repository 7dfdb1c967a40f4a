import { expect, it } from 'vitest';
import { UserError } from '../base/index.ts';
import { levelOf, parseFeatList } from './layers.ts';

// FEAT_LIST, docs/reference/benchmarks.md, section 1
it.each([
  ['feat4 feat5', ['feat4', 'feat5']],
  ['  feat5\t feat1 ', ['feat5', 'feat1']],
  ['', ['feat5']],
  [' ', ['feat5']],
])('a list of layers is %j', (text, layers) => {
  expect(parseFeatList(text)).toEqual(layers);
});

it('refuses names that are none, commas, and a layer that stands there twice', () => {
  expect(() => parseFeatList('feat4 feat6')).toThrow(UserError);
  expect(() => parseFeatList('feat4,feat5')).toThrow(
    /"feat4,feat5" is none, expected some of feat1/,
  );
  expect(() => parseFeatList('feta4')).toThrow('did you mean feat4?');
  expect(() => parseFeatList('4')).toThrow('"4" is none');
  expect(() => parseFeatList('feat4 feat5 feat4')).toThrow('feat4 stands there twice');
});

it('numbers layers from the stem on, wherever they stand in a list', () => {
  expect(parseFeatList('feat5 feat1').map(levelOf)).toEqual([4, 0]);
});
