import { describe, expect, it } from 'vitest';
import { type DataReport, dataMarkdown, summariseData } from './data_speed.ts';

const report: DataReport = {
  date: '2026-11-24',
  machine: { cpu: 'Some CPU', cores: 2 },
  versions: { torch: '2', torchvision: '0.2', pillow: '13' },
  images: 512,
  warmup: 64,
  files: 100,
  sides: [
    { name: 'reprise', workers: 1, imagesPerSecond: [200, 250, 100], cpuMs: [4, 4, 4] },
    { name: 'reprise', workers: 2, imagesPerSecond: [400, 420, 150], cpuMs: [4, 5, 4] },
    { name: 'pil', workers: 2, imagesPerSecond: [200, 300, 150], cpuMs: [8, 8, 10] }, // the median decides
    { name: 'tensor', workers: 2, imagesPerSecond: [190, 190, 900], cpuMs: [7, 7, 7] },
  ],
};

describe('the report on the data path', () => {
  it('compares the best of both sides round by round', () => {
    const { ours, theirs, ratio, cpuRatio } = summariseData(report);
    expect([ours.workers, theirs.name]).toEqual([2, 'pil']);
    expect(ratio).toEqual({ median: 1.4, low: 1, high: 2 });
    expect(cpuRatio).toEqual({ median: 2, low: 1.6, high: 2.5 });
  });

  it('says whether the target is met', () => {
    const page = dataMarkdown(report);
    expect(page).toContain('**1.40** times (1.00–2.00, round by round)');
    expect(page).toContain('Target 1.5: missed.');
    expect(page).toMatch(/\| Reprise +\| +2 \| +400 \| +150–420 \| +4.00 \|/);
  });
});
