import { expect, it } from 'vitest';
import { tinyExperiment } from '../../golden/tiny.ts';
import { sha256 } from '../base/hash.ts';
import { disagreement } from '../cluster/compare_facts.ts';
import { factsOf } from './cluster.ts';

const provenance = {
  data: { train: sha256('images') },
  graph: sha256('graph'),
  library: sha256('library'),
  fingerprint: { id: 'aaaaaaaaaaaa', device: 'cpu' },
  numerics: { fp32: '111111111111', bf16: '222222222222' },
};
const elsewhere = { ...provenance, fingerprint: { id: 'bbbbbbbbbbbb', device: 'cpu' } };

it('processes on CPUs of other names run together where they compute the same', () => {
  const facts = [provenance, { ...elsewhere, numerics: { fp32: '111111111111' } }];
  expect(disagreement(facts.map((one) => factsOf(tinyExperiment(), one)))).toBeUndefined();
});

it('they do not where their numerics for this precision differ', () => {
  const other = { ...elsewhere, numerics: { fp32: '111111111111', bf16: '333333333333' } };
  const experiment = tinyExperiment({ precision: 'bf16' });
  expect(disagreement([provenance, other].map((one) => factsOf(experiment, one)))).toContain(
    'numerics (platform id): rank 0: 222222222222; rank 1: 333333333333',
  );
});
