import { describe, expect, it } from 'vitest';
import { type ExtractReport, extractMarkdown, summariseExtract } from './extract_speed.ts';

const torch = { name: 'channels_last', precision: 'fp32', workers: 2 } as const;
const report: ExtractReport = {
  date: '2026-11-24',
  machine: { cpu: 'Some CPU', cores: 2 },
  versions: { torch: '2', torchvision: '0.2', pillow: '13' },
  images: 128,
  warmup: 64,
  files: 100,
  load: [3.2, 9.6],
  sides: [
    {
      ...{ name: 'reprise', precision: 'fp32', workers: 1 },
      ...{ imagesPerSecond: [20, 24, 10], cpuMs: [50, 50, 40], peakBytes: [2 ** 30] },
    },
    { ...torch, imagesPerSecond: [10, 16, 10], cpuMs: [80, 90, 100], peakBytes: [2 ** 31] },
    {
      ...{ ...torch, name: 'contiguous' },
      ...{ imagesPerSecond: [9, 9, 99], cpuMs: [70, 70, 70], peakBytes: [1] }, // the median decides
    },
  ],
};

describe('the report on extraction', () => {
  it('compares the fastest of both sides, and the least processor time, round by round', () => {
    const [fp32, ...more] = summariseExtract(report);
    expect(more).toEqual([]);
    expect(fp32?.theirs.name).toBe('channels_last');
    expect(fp32?.ratio).toEqual({ median: 1.5, low: 1, high: 2 });
    expect(fp32?.cpuRatio).toEqual({ median: 1.4, low: 1.4, high: 1.75 });
  });

  it('says whether the target is met, and what else ran', () => {
    const page = extractMarkdown(report);
    expect(page).toContain('makes 1.50 (1.00–2.00, round by round) times the images a second');
    expect(page).toContain('Target 1.2: met.');
    expect(page).toContain('a load of 3 to 10 on 2 cores');
    expect(page).toMatch(
      /\| PyTorch, channels_last \| fp32 \| +2 \| +10\.0 \| +10\.0–16\.0 \| +90 \| +2\.00 \|/,
    );
  });
});
