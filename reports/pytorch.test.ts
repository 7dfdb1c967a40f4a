import { describe, expect, it } from 'vitest';
import { type Comparison, comparisonMarkdown, comparisonSvg, verdictOf } from './pytorch.ts';

const report: Comparison = {
  date: '2026-11-25',
  experiment: 'moco-cifar10',
  experimentId: 'abcdef0123456789',
  torch: '2',
  firstSteps: [0, 2e-4, 1e-4],
  ours: {
    knn: [
      { epoch: 0, value: 30 },
      { epoch: 1, value: 41 },
    ],
    loss: [{ epoch: 1, value: 7 }],
  },
  theirs: {
    knn: [
      { epoch: 0, value: 30 },
      { epoch: 1, value: 43.5 },
    ],
    loss: [{ epoch: 1, value: 7.1 }],
  },
};

describe('the page beside PyTorch', () => {
  it('takes the worst step and the last k-NN', () => {
    expect(verdictOf(report)).toEqual({ worst: 2e-4, at: 1, knnApart: 2.5 });
  });

  it('says for each target whether it is met', () => {
    const page = comparisonMarkdown(report, 'curves/x.svg');
    expect(page).toContain('at most **2.0e-4** of their size, at step 1. Target 0.001: met.');
    expect(page).toContain('differ by **2.50** points. Target 2: missed.');
    expect(page).toMatch(/\| +1 \| +41\.00 \| +43\.50 \| +7\.00 \| +7\.10 \|/);
  });

  it('draws the same bytes again', async () => {
    const svg = await comparisonSvg(report);
    expect(svg).toBe(await comparisonSvg(report));
    expect(svg).toContain('PyTorch');
  });
});
