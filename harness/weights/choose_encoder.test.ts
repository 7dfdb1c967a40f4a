import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { choiceText, chooseEncoder, refuseMissing } from './choose_encoder.ts';
import { encodersIn, resnetNames } from './encoders.ts';
import { LAYOUTS, NUMBERED } from './layouts.ts';

/** The names of a ResNet-18, all but the counters. */
const OWN = resnetNames(
  new Map([
    ['bn1.running_mean', ''],
    ...[0, 1].flatMap((b) => [1, 2, 3, 4].map((s) => [`layer${s}.${b}.conv1.weight`, ''] as const)),
  ]),
);
const NAMES = OWN ?? expect.unreachable();

/** Tensors of some names; shapes say only which network they are of. */
function file(names: Iterable<string>, shape: readonly number[] = [1]) {
  return new Map([...names].map((name) => [name, { shape }] as const));
}

function resnet(...prefixes: string[]) {
  return prefixes.flatMap((prefix) => NAMES.map((name) => prefix + name));
}

function choose(names: Iterable<string>, more: Partial<Parameters<typeof chooseEncoder>[0]> = {}) {
  const { encoder, rule } = chooseEncoder({ file: 'F', tensors: file(names), ...more });
  return [encoder.prefix, rule] as const;
}

test('a ResNet-18 has 20 convolutions and as many norms', () => {
  expect(NAMES).toHaveLength(20 * 5);
  expect(new Set(NAMES).size).toBe(100);
  expect(NAMES).toContain('layer4.0.downsample.1.running_var');
  expect(NAMES).not.toContain('layer1.0.downsample.0.weight');
});

describe('the table', () => {
  const cases = LAYOUTS.flatMap((layout) =>
    ['', 'module.', 'state_dict.model.', 'module.module.'].map((wrapper) => ({
      wrapper,
      ...layout,
    })),
  );
  test.each(cases)('$name, behind "$wrapper"', ({ wrapper, take, beside, name }) => {
    const prefixes = [...beside, take].map((prefix) => wrapper + prefix);
    expect(choose(resnet(...prefixes))).toEqual([wrapper + take, `the layout "${name}"`]);
    expect(choose(resnet(...prefixes.reverse()))[0]).toBe(wrapper + take);
  });

  test('no two layouts contradict each other', () => {
    for (const a of LAYOUTS)
      for (const b of LAYOUTS) {
        const same = String([a.take, ...a.beside].sort()) === String([b.take, ...b.beside].sort());
        if (a !== b) expect(same).toBe(false);
      }
  });

  test.each([
    [['module.encoder_q.', 'module.encoder_k.'], 'module.encoder_q.'],
    [['encoder_q.0.', 'encoder_k.0.', 'backbone.'], 'backbone.'],
    [['backbone.', 'encoder_k.module.0.'], 'backbone.'],
    [['student.module.backbone.', 'teacher.backbone.'], 'teacher.backbone.'],
    [['classy_state_dict.base_model.model.trunk._feature_blocks.'], undefined],
    [
      ['state_dict.module.encoder_q.', 'state_dict.module.encoder_k.'],
      'state_dict.module.encoder_q.',
    ],
    [['model._orig_mod.module.'], undefined],
    [['anything.at.all.'], undefined],
  ])('%j', (prefixes, taken) => {
    expect(choose(resnet(...prefixes))[0]).toBe(taken ?? prefixes[0]);
  });

  test('wrappers may differ between the two', () => {
    expect(choose(resnet('encoder_k.module.', 'module.encoder_q.'))[0]).toBe('module.encoder_q.');
  });
});

describe('what is no backbone', () => {
  const heads = ['encoder_q.fc.weight', 'encoder_q.fc.0.weight', 'queue', 'queue_ptr', 'epoch'];

  test('heads, queues and numbers of other things change nothing', () => {
    const names = [...heads, 'projector.0.weight', 'projector.1.weight', 'head.conv1.weight'];
    expect(choose([...resnet('encoder_q.', 'encoder_k.'), ...names])[0]).toBe('encoder_q.');
  });

  test('a file of heads alone is refused with what it has', () => {
    expect(() => choose(heads)).toThrow(
      'F has no backbone of a ResNet (conv1.weight, layer1.0.conv1.weight, …); ' +
        'it has encoder_q.* (2), epoch, queue, queue_ptr',
    );
    expect(() => choose([])).toThrow('it has nothing');
  });

  test('a stem alone is taken only where there is nothing more', () => {
    expect(choose(['a.conv1.weight'])[0]).toBe('a.');
    expect(choose(['a.conv1.weight', 'b.layer1.0.conv1.weight'])[0]).toBe('b.');
    expect(() => choose(['a.conv1.weight', 'b.conv1.weight'])).toThrow('2 backbones');
  });

  test('a name of a hundred thousand parts is cut at once', () => {
    const long = `${'a.'.repeat(1e5)}layer1.0.conv1.weight`;
    expect(encodersIn([long])).toHaveLength(1);
  });
});

describe('what decides', () => {
  const two = resnet('left.', 'right.');

  test('two under unknown names are refused, with both and their counts', () => {
    expect(() => choose(two)).toThrow(
      'F has 2 backbones, and no known layout says which to take: ' +
        '"left." (100 tensors), "right." (100 tensors); name what stands before conv1.weight with --prefix',
    );
  });

  test('a third beside two that are known is refused too', () => {
    expect(() => choose(resnet('encoder_q.', 'encoder_k.', 'ema.'))).toThrow('has 3 backbones');
    expect(() => choose(resnet('module.', 'model.'))).toThrow('has 2 backbones');
    expect(() => choose(resnet('', 'ema.'))).toThrow('"" (100 tensors), "ema."');
  });

  test('--prefix wins over everything, with its last dot or without', () => {
    const described = { prefix: 'encoder_q.', by: 'itself' };
    const more = { described, own: 'encoder_q.', prefix: 'encoder_k' };
    expect(choose(resnet('encoder_q.', 'encoder_k.'), more)).toEqual(['encoder_k.', '--prefix']);
    expect(choose(two, { prefix: 'right.' })[0]).toBe('right.');
    expect(choose(resnet('', 'ema.'), { prefix: '' })[0]).toBe('');
  });

  test('a prefix that nothing has is refused with what there is', () => {
    expect(() => choose(two, { prefix: 'middle' })).toThrow(
      'F has no middle.conv1.weight of a ResNet, which --prefix asks for; it has "left." (100 tensors), "right."',
    );
    const described = { prefix: 'x.', by: "the file's own backbonePrefix" };
    expect(() => choose(two, { described })).toThrow(
      "which the file's own backbonePrefix asks for",
    );
  });

  test("the file's description wins over the table", () => {
    const described = { prefix: 'encoder_k.', by: 'itself' };
    const names = resnet('encoder_q.', 'encoder_k.');
    expect(choose(names, { described, own: 'encoder_q.' })).toEqual(['encoder_k.', 'itself']);
  });

  test("the run's own names win over the table, behind wrappers too", () => {
    const own = 'online_net.0.';
    expect(choose(resnet('backbone.', own, 'target_net.0.'), { own })[0]).toBe(own);
    expect(choose(resnet(`module.${own}`, 'left.'), { own })[0]).toBe(`module.${own}`);
    expect(() => choose(resnet(`left.${own}`, 'right.'), { own })).toThrow('has 2 backbones');
    expect(() => choose(resnet(`module${own}`, 'right.'), { own })).toThrow('has 2 backbones');
  });

  test('the one that fits in shape is taken of several, and one that lacks parts is still meant', () => {
    const wanted = new Map(NAMES.map((name) => [name, [1]] as const));
    const other = file(resnet('teacher_net.'), [2]);
    const both = new Map([...other, ...file(resnet('student_net.'))]);
    const request = { file: 'F', tensors: both, wanted };
    expect(chooseEncoder(request).encoder.prefix).toBe('student_net.');
    const part = file(resnet('copy.').filter((name) => !name.includes('layer3')));
    const three = { ...request, tensors: new Map([...both, ...part]) };
    expect(() => chooseEncoder(three)).toThrow('has 3 backbones');
  });
});

describe('a backbone with holes', () => {
  test('is taken by its rule and refused with what is missing, never exchanged for a whole one', () => {
    const names = resnet('encoder_q.', 'encoder_k.').filter(
      (name) => name !== 'encoder_q.layer2.1.bn2.bias',
    );
    const choice = chooseEncoder({ file: 'F', tensors: file(names) });
    expect(choice.encoder.prefix).toBe('encoder_q.');
    expect(() => refuseMissing(choice)).toThrow(
      'F: 1 tensors of the backbone are missing: layer2.1.bn2.bias; taken was "encoder_q.", by ' +
        'the layout "MoCo: the query encoder"; the file has "encoder_k." (100 tensors), "encoder_q." (99 tensors)',
    );
  });

  test('is found for whatever tensor is missing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), (gone) => {
        const choice = chooseEncoder({ file: 'F', tensors: file(NAMES.filter((n) => n !== gone)) });
        expect(choice.missing).toEqual([gone]);
      }),
      { numRuns: 200 },
    );
  });

  test('of stages that no ResNet has is said, not guessed', () => {
    const names = NAMES.filter((name) => !name.startsWith('layer3.1.'));
    const choice = chooseEncoder({ file: 'F', tensors: file(names) });
    expect(choice.missing).toBeUndefined();
    expect(() => refuseMissing(choice)).not.toThrow();
    const text = choiceText(choice, names, new Set(names));
    expect(text).toContain('its stages have 2, 2, 1, 2 blocks, which is no ResNet known here');
  });
});

test.each(NUMBERED)('parts in a Sequential are known by their numbers: %o', (table) => {
  const numbers = new Map(Object.entries(table).map(([number, part]) => [part, number]));
  const numbered = NAMES.map(
    (name) => `backbone.${name.replace(/^\w+/, (part) => numbers.get(part) ?? part)}`,
  );
  const { encoder, missing } = chooseEncoder({ file: 'F', tensors: file(numbered) });
  expect(encoder.prefix).toBe('backbone.');
  expect(missing).toEqual([]);
  expect(encoder.names.get('layer4.1.conv2.weight')).toBe(
    `backbone.${numbers.get('layer4')}.1.conv2.weight`,
  );
});

test('what was taken and what was left is said', () => {
  const names = [...resnet('module.encoder_q.', 'module.encoder_k.'), 'module.queue', 'epoch'];
  const choice = chooseEncoder({ file: 'F', tensors: file(names) });
  expect(choiceText(choice, names, new Set(choice.encoder.names.values()))).toBe(
    'F: 100 tensors taken, the backbone under "module.encoder_q." by the layout "MoCo: the query encoder"; ' +
      'left: epoch, module.encoder_k.* (100), module.queue',
  );
});
