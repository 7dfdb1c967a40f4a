import { describe, expect, it } from 'vitest';
import { sha256 } from '../base/hash.ts';
import {
  cpuText,
  numericsId,
  numericsLine,
  platformId,
  samePlatform,
  together,
} from './numerics.ts';
import { continued, type Provenance } from './provenance.ts';

const amd = { id: 'aaaaaaaaaaaa', device: 'cpu', cpu: 'AuthenticAMD family 26 model 2' };
const intel = { id: 'bbbbbbbbbbbb', device: 'cpu', cpu: 'GenuineIntel family 6 model 207' };
const numerics = { fp32: '111111111111', bf16: '222222222222' };
const older = { fp32: '111111111111' };
const other = { fp32: '333333333333', bf16: '222222222222' };

describe('the id of an experiment', () => {
  const narrow = { precision: 'bf16' };

  it('is that of its precision, wherever in it that stands', () => {
    expect(numericsId({ precision: 'fp32' }, numerics)).toBe('111111111111');
    expect(numericsId(narrow, numerics)).toBe('222222222222');
    expect(numericsId({ precision: 'fp32', evaluation: narrow }, numerics)).toBe('222222222222');
    expect(numericsId(narrow, older)).toBeUndefined();
    expect(numericsId({ precision: 'fp16' }, numerics)).toBeUndefined();
  });

  it('stands before that of the fingerprint', () => {
    const experiment = { precision: 'fp32' };
    expect(platformId({ experiment, fingerprint: amd, numerics })).toBe('111111111111');
    expect(platformId({ experiment, fingerprint: amd })).toBe('aaaaaaaaaaaa');
  });

  it('decides what has to have the same bits, and without it the fingerprint', () => {
    const a = { fingerprint: amd, numerics };
    const same = (precision: string, b: object, fingerprint: typeof amd) =>
      samePlatform({ precision }, a, { fingerprint, ...b });
    expect(same('fp32', { numerics: older }, intel)).toBe(true);
    expect(same('bf16', { numerics: older }, intel)).toBe(false);
    expect(same('fp32', { numerics: other }, intel)).toBe(false);
    expect(same('bf16', { numerics: other }, intel)).toBe(true);
    expect(same('fp16', { numerics }, intel)).toBe(false);
    expect(same('fp32', {}, intel)).toBe(false);
    expect(same('fp32', {}, amd)).toBe(true);
  });
});

describe('a run of two machines', () => {
  const provenance = (computed: Pick<Provenance, 'fingerprint' | 'numerics'>): Provenance => ({
    data: { train: sha256('images') },
    graph: sha256('graph'),
    library: sha256('library'),
    ...computed,
  });
  const before = provenance({ fingerprint: amd, numerics });
  function goneOn(now: Provenance, from = before) {
    const warnings: string[] = [];
    const experiment = { precision: 'fp32' };
    const after = continued({ experiment, before: from, now }, (text) => warnings.push(text));
    return { after, warnings };
  }

  it('is what it was where nothing changed', () => {
    expect(goneOn(before)).toEqual({ after: before, warnings: [] });
  });

  it('keeps its id where both compute the same, and describes both', () => {
    const { after, warnings } = goneOn(provenance({ fingerprint: intel, numerics: older }));
    expect(warnings).toEqual([]);
    expect(after.numerics).toEqual(older);
    expect(after.fingerprint.parts).toEqual([amd, intel]);
    expect(cpuText(after.fingerprint)).toBe('AMD family 26 model 2, then Intel family 6 model 207');
  });

  it('has an id of its own where they do not, and says so', () => {
    const { after, warnings } = goneOn(provenance({ fingerprint: intel, numerics: other }));
    expect(warnings).toEqual([expect.stringContaining('computes other bits since the checkpoint')]);
    expect(after.numerics?.bf16).toBe(numerics.bf16);
    expect([numerics.fp32, other.fp32]).not.toContain(after.numerics?.fp32);
    const back = together(provenance({ fingerprint: intel, numerics: other }), before);
    expect(back.numerics?.fp32).not.toBe(after.numerics?.fp32);
  });

  it('gets an id where it began before there were ids on a machine of this kind, else none', () => {
    const former = provenance({ fingerprint: amd });
    expect(goneOn(before, former)).toEqual({ after: before, warnings: [] });
    const moved = goneOn(provenance({ fingerprint: intel, numerics }), former);
    expect(moved.after.numerics).toBeUndefined();
    expect(moved.warnings).toHaveLength(1);
  });
});

it('one line has all that makes a difference between machines visible', () => {
  expect(numericsLine({ fingerprint: amd, numerics }, '2c2236d365bc89')).toBe(
    'numerics fp32 111111111111 bf16 222222222222 · AMD family 26 model 2 · state 2c2236d365bc',
  );
  expect(numericsLine({ fingerprint: intel })).toBe(
    'numerics of fingerprint bbbbbbbbbbbb · Intel family 6 model 207',
  );
});
