import { describe, expect, it } from 'vitest';
import { resolveRules } from '../../optim/rules.ts';
import type { Fixture } from './fixture.ts';
import { scheduleOf } from './lr_config.ts';
import { optimizerOf } from './optimizer_config.ts';
import { jsPattern, rulesOf, withoutIdleRules } from './paramwise.ts';
import { hookOf } from './training.ts';

const NAMES = ['backbone.bn1.weight', 'neck.fc.weight', 'neck.fc.bias', 'head.fc_cls.bias'];

/** A case that has parameters of these names and nothing else. */
function caseOf(options?: unknown): Fixture {
  const inputs = NAMES.map((name) => `init.${name}`);
  const field: Fixture['field'] = (_, schema) => schema.parse(options);
  return { inputs, field } as unknown as Fixture;
}

const ruleOf = (config: Parameters<typeof optimizerOf>[1], name: string, options?: unknown) => {
  const spec = withoutIdleRules(optimizerOf(caseOf(options), config), NAMES);
  return resolveRules(spec, NAMES).get(name);
};

describe('paramwise_options', () => {
  const base = { type: 'SGD', lr: 0.1, momentum: 0.8, weight_decay: 0.01, dampening: 0.5 };
  const rule = (paramwise_options: Record<string, unknown>, name = 'neck.fc.bias') =>
    ruleOf({ ...base, paramwise_options }, name);

  it('multiply the base whatever an earlier entry said, and replace it without _mult', () => {
    const found = rule({
      neck: { lr_mult: 10, momentum: 0.1, weight_decay_mult: 3, nesterov: true, dampening_mult: 0 },
      bias: { lr: 0.4, momentum_mult: 0.5, nesterov: false },
    });
    expect(found).toMatchObject({ lrMultiplier: 4, momentum: 0.4, dampening: 0, nesterov: false });
    expect(found?.weightDecay).toBeCloseTo(0.03, 15);
  });
  it('take the later of two keys for the same', () => {
    expect(rule({ bias: { lr: 0.4, lr_mult: 2 } })?.lrMultiplier).toBe(2);
    expect(rule({ bias: { lr_mult: 2, lr: 0.4 } })?.lrMultiplier).toBe(4);
  });
  it('give LARS what SGD passes over', () => {
    const paramwise_options = { neck: { eta_mult: 10, lars_exclude: true, nesterov_mult: 1 } };
    const lars = { ...base, type: 'LARS', dampening: 0, nesterov: true, paramwise_options };
    expect(ruleOf(lars, 'neck.fc.bias')).toMatchObject({ larsExclude: true, nesterov: true });
    expect(ruleOf(lars, 'neck.fc.bias')?.eta).toBeCloseTo(0.01, 15);
    expect(rule(paramwise_options)).toMatchObject({ eta: 0, larsExclude: true });
  });
  it('are not read where no name matches, and not passed over where one does', () => {
    expect(rule({ norm_decay_mult: 0, '\\Afc': { odd: 'x' } })).toMatchObject({ lrMultiplier: 1 });
    expect(() => rule({ bias: { betas: 1 } })).toThrow(
      'unsupported: paramwise_options."bias".betas, because',
    );
    expect(() => rule({ bias: 0.5 })).toThrow(
      'paramwise_options."bias": found 0.5, expected options',
    );
  });
  it('yield to what a case lists parameter by parameter', () => {
    const listed = { 'neck.fc.bias': { mult: 3, momentum: 0.2 } };
    const config = { ...base, paramwise_options: { neck: { dampening: 0.1, lr_mult: 7 } } };
    expect(ruleOf(config, 'neck.fc.bias', listed)).toMatchObject({
      lrMultiplier: 3,
      momentum: 0.2,
      dampening: 0.1,
    });
  });
});

describe('patterns of Python', () => {
  it.each([
    ['\\Ahead.', '^head.'],
    ['bias\\Z|\\Aneck', 'bias$|^neck'],
    ['\\\\A', '\\\\A'],
    ['a\\_b\\-c[\\-d]', 'a_b-c[\\-d]'],
    ['(?P<n>x)(?P=n)', '(?<n>x)\\k<n>'],
    ['(bn|gn)(\\d+)?.(weight|bias)', '(bn|gn)(\\d+)?.(weight|bias)'],
  ])('%s', (python, js) => {
    expect(jsPattern(python)).toBe(js);
  });
  it.each(['(?i)conv', '(', 'a{'])('refuses %s', (python) => {
    expect(() => rulesOf({ [python]: {} }, {}, NAMES)).toThrow(`unsupported: pattern "${python}"`);
  });
});

describe('optimizers', () => {
  it('have the defaults of torch, not ours', () => {
    expect(optimizerOf(caseOf(), { type: 'SGD', lr: 1 })).toMatchObject({
      momentum: 0,
      weightDecay: 0,
    });
    expect(optimizerOf(caseOf(), { type: 'LARS', lr: 1 })).toMatchObject({ eta: 0.001 });
    expect(optimizerOf(caseOf(), { type: 'AdamW' })).toMatchObject({ lr: 1e-3, weightDecay: 0.01 });
  });
  it.each<[Parameters<typeof optimizerOf>[1], string]>([
    [{ type: 'RMSprop', lr: 1 }, 'unsupported: optimizer RMSprop, because'],
    [{ type: 'Adam', amsgrad: true }, 'unsupported: optimizer Adam.amsgrad, because'],
    [{ type: 'SGD', lr: 1, eta: 0.1 }, 'unsupported: optimizer SGD.eta, because'],
    [{ type: 'LARS' }, 'optimizer: lr is missing'],
  ])('refuses %j', (config, message) => {
    expect(() => optimizerOf(caseOf(), config)).toThrow(message);
  });
  it('clip by any norm, infinity as Python may write it', () => {
    const clipOf = (norm_type: string | number) =>
      optimizerOf(caseOf(), { type: 'Adam', amsgrad: false }, { max_norm: 2, norm_type }).gradClip;
    expect([2, 1.5, '3'].map(clipOf)).toEqual([2, 1.5, 3].map((p) => ({ maxNorm: 2, p })));
    for (const name of ['inf', 'Infinity', Number.POSITIVE_INFINITY])
      expect(clipOf(name)).toEqual({ maxNorm: 2, p: 'max' });
    expect(() => clipOf(0)).toThrow('unsupported: grad_clip.norm_type 0');
  });
  it('are told by a hook, under its name or not', () => {
    const clip = { max_norm: 1, norm_type: 2 };
    const inner = { optimizer_config: { update_interval: 4, grad_clip: clip, coalesce: true } };
    expect(hookOf(inner)).toEqual({ accumulate: 4, clip });
    expect(hookOf({ update_interval: 2 })).toEqual({ accumulate: 2, clip: undefined });
    expect(() => hookOf({ use_fp16: true })).toThrow('unsupported: use_fp16, because');
  });
});

describe('schedules', () => {
  it.each<[Parameters<typeof scheduleOf>[0], object]>([
    [
      { policy: 'Step', step: [4, 2, 5] },
      { kind: 'step', milestones: [4, 4, 5], gamma: 0.1 },
    ],
    [
      { policy: 'fixed', warmup: null, by_epoch: false },
      { kind: 'constant', per: 'step' },
    ],
    [
      { policy: 'cyclic', target_ratio: [5] },
      { targets: [5, 5e-5], per: 'step', times: 1 },
    ],
    [
      { policy: 'CosineAnnealing', min_lr: null, min_lr_ratio: 0.1 },
      { minLr: 0, minLrRatio: 0.1 },
    ],
    [
      { policy: 'inv', gamma: 1, warmup: 'exp', warmup_iters: 3, warmup_by_epoch: true },
      { per: 'epoch', warmup: { kind: 'exp', epochs: 3, ratio: 0.1 } },
    ],
  ])('%j', (config, expected) => {
    expect(scheduleOf(config)).toMatchObject(expected);
  });
  it.each<[Parameters<typeof scheduleOf>[0], string]>([
    [{ policy: 'OneCycle' }, 'unsupported: lr_config.policy OneCycle, because'],
    [{ policy: 'step', step: 3, min_lr: 0.1 }, 'unsupported: lr_config step.min_lr, because'],
    [{ policy: 'cyclic', by_epoch: true }, 'unsupported: lr_config cyclic.by_epoch, because'],
    [{ policy: 'exp' }, 'lr_config: gamma is missing'],
  ])('refuses %j', (config, message) => {
    expect(() => scheduleOf(config)).toThrow(message);
  });
});
