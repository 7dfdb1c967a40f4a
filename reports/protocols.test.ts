import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { columnsOf, MEANING, protocolsPage } from './protocols.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs/protocols.md'), 'utf8');

describe('the page of protocols', () => {
  it('is what the protocols say', () => {
    expect(page, 'docs/protocols.md: run scripts/report.mjs').toBe(protocolsPage(benchmarks));
  });

  it('has every protocol, and a meaning of every field', () => {
    for (const definition of Object.values(benchmarks)) {
      expect(page).toContain(`\n## ${definition.title}\n`);
      const columns = Object.values(columnsOf(definition));
      for (const field of columns.flatMap((values) => [...values.keys()]))
        expect(MEANING[field], `${definition.kind}: ${field}`).toBeDefined();
    }
  });

  it("has the original's numbers as the sheet gives them", () => {
    const numbers = (kind: string, preset: string) =>
      columnsOf(benchmarks[kind] ?? expect.unreachable(kind))[preset] ?? expect.unreachable(preset);
    const multi = numbers('linear', 'imagenet');
    expect(
      ['lr', 'replicas', 'batch', 'epochs', 'weightDecay', 'nesterov', 'milestones'].map((name) =>
        multi.get(name),
      ),
    ).toEqual(['0.01', '8', '32', '90', '0.0001', 'true', '30, 60, 90']);
    const last = numbers('linear_last', 'imagenet');
    expect(['lr', 'epochs', 'weightDecay', 'milestones'].map((name) => last.get(name))).toEqual([
      '30',
      '100',
      '0',
      '60, 80',
    ]);
    const places = numbers('places205', 'places205');
    expect(['epochs', 'milestones', 'classes'].map((name) => places.get(name))).toEqual([
      '28',
      '7, 14, 21',
      '205',
    ]);
    const semi = numbers('semi', 'imagenet');
    expect(
      ['lrs', 'heads', 'gamma', 'weightDecay', 'batch', 'replicas'].map((name) => semi.get(name)),
    ).toEqual(['0.001, 0.01, 0.1', '1, 10, 100', '0.2', '0.0005', '64', '4']);
    const costs = numbers('svm', 'voc07').get('costs')?.split(', ') ?? [];
    expect(costs.map(Number)).toEqual([
      1,
      10,
      100,
      ...Array.from({ length: 16 }, (_, i) => 0.5 ** (i + 4)),
    ]);
    const shots = numbers('lowshot', 'voc07');
    expect(['ks', 'samples', 'negatives'].map((name) => shots.get(name))).toEqual([
      '1, 2, 4, 8, 16, 32, 64, 96',
      '5',
      '19',
    ]);
  });
});
