import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../base/canonical.ts';
import { UserError } from '../base/errors.ts';
import { sourceSpec } from './spec.ts';
import { parseSource } from './spec_text.ts';

describe('the spec', () => {
  test('of the kinds that were there before is as it was', () => {
    expect(canonicalJson(sourceSpec.parse({ kind: 'generated', count: 5 }))).toBe(
      '{"classes":10,"count":5,"kind":"generated","seed":0,"size":32,"split":"train"}',
    );
    expect(canonicalJson(sourceSpec.parse({ kind: 'folder', root: 'a' }))).toBe(
      '{"kind":"folder","root":"a"}',
    );
  });

  test('defaults are filled in at every depth', () => {
    const source = parseSource(
      '{"kind":"repeat","times":2,"source":{"kind":"concat","sources":[{"kind":"cifar10"}]}}',
    );
    expect(source).toEqual({
      kind: 'repeat',
      times: 2,
      source: { kind: 'concat', sources: [{ kind: 'cifar10', root: 'cifar', split: 'train' }] },
    });
  });

  test.each([
    ['{"kind":"concat","sources":[]}', 'source: sources: '],
    ['{"kind":"repeat","source":{"kind":"cifar10"}}', 'source: times is missing'],
    ['{"kind":"repeat","source":{"kind":"cifar10"},"times":0}', 'source: times: '],
    ['{"kind":"concat","sources":[{"kind":"folde"}]}', "sources[0].kind: expected 'generated' |"],
    ['{"kind":"concat","sources":[{"kind":"folde"}]}', 'did you mean "folder"?'],
    ['{"kind":"concat","sources":[{"kind":"folder","rot":"x"}]}', 'did you mean root?'],
    ['{"kind":"concat","sources":[{"kind":"folder","x":1,"root":""}]}', 'expected kind, root'],
    ['{"kind":"concat","source":[{"kind":"folder","root":"x"}]}', 'did you mean sources?'],
  ])('%s: %s', (text, message) => {
    expect(() => parseSource(text)).toThrow(UserError);
    expect(() => parseSource(text)).toThrow(message);
  });

  test('nested without end is refused', () => {
    const text = `${'{"kind":"repeat","times":1,"source":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    expect(() => parseSource(text)).toThrow('source: it is nested too deeply');
  });
});
