import { describe, expect, it } from 'vitest';
import {
  caseName,
  median,
  type SpeedCase,
  speedMarkdown,
  speedReport,
  summarise,
  type TimedRun,
} from './speed.ts';

function run(images: number, extra: Partial<TimedRun> = {}): TimedRun {
  return {
    framework: 'side',
    version: '1',
    threads: 2,
    step_ms: 8000 / images,
    images_per_second: images,
    peak_rss_mb: 1000,
    ...extra,
  };
}

const measured: SpeedCase = {
  method: 'moco',
  kind: 'step',
  depth: 50,
  size: 224,
  batch: 8,
  precision: 'bf16',
  target: 1.15,
  pairs: [
    { ours: run(12, { session_ms: 660 }), torch: run(10) },
    { ours: run(5, { session_ms: 1568 }), torch: run(4, { peak_rss_mb: 1500 }) }, // a slow minute
    { ours: run(11, { session_ms: 720 }), torch: run(10) },
  ],
};

describe('median', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow('no values');
  });
});

describe('summarise', () => {
  it('takes ratios pair by pair, so that a slow minute does not move them', () => {
    const { ratio, met, ours, torch } = summarise(measured);
    expect(ratio).toEqual({ median: 1.2, low: 1.1, high: 1.25 });
    expect(met).toBe(true);
    expect([ours.imagesPerSecond, torch.imagesPerSecond, torch.peakMiB]).toEqual([11, 10, 1000]);
  });

  it('counts the memory of loader processes, as that of threads is counted', () => {
    const torch = run(10, { workers_private_mb: 300 });
    const sides = summarise({ ...measured, kind: 'loop', pairs: [{ ours: run(12), torch }] });
    expect([sides.ours.peakMiB, sides.torch.peakMiB]).toEqual([1000, 1300]);
  });

  it('gives the part of a step outside the session only where it was measured', () => {
    expect(summarise(measured).outside).toBeCloseTo(0.01, 6);
    const bare = { ...measured, pairs: [{ ours: run(2), torch: run(1) }] };
    expect(summarise(bare).outside).toBeUndefined();
  });
});

describe('speedMarkdown', () => {
  it('has one row a case, with the verdict and the share of the matrix-product rate', () => {
    const report = speedReport.parse({
      date: '2026-01-02',
      machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, features: ['avx2'] },
      peak: { fp32: 150, bf16: 500 },
      cases: [measured, { ...measured, precision: 'fp32', target: 1.5 }],
    });
    const text = speedMarkdown([report]);
    expect(text).toContain(caseName(measured));
    expect(text).toContain('**1.20** (1.10–1.25)');
    expect(text).toMatch(/1\.15 met/);
    expect(text).toMatch(/1\.50 missed/);
    expect(text).toContain('71.6 %'); // 32.53 GFLOP × 11 images/s of 500 GFLOP/s
    expect(text).not.toContain('from files');
  });

  it('keeps machines apart', () => {
    const report = (cpu: string, model?: string) =>
      speedReport.parse({
        date: '2026-01-02',
        machine: { cpu, model, cores: 2, memoryGiB: 24, features: ['avx2'] },
        cases: [measured],
      });
    const other = report('Some CPU', 'family 25 model 17');
    const text = speedMarkdown([report('Some CPU'), other, report('Another CPU')]);
    const rows = text.split('\n');
    expect(rows.filter((row) => row.startsWith('## '))).toEqual([
      '## Some CPU, 2 cores, 24 GiB',
      '## Some CPU (family 25 model 17), 2 cores, 24 GiB',
      '## Another CPU, 2 cores, 24 GiB',
    ]);
    expect(rows.filter((row) => row.startsWith('| moco step'))).toHaveLength(3);
  });

  it('says what the loader costs, where both are measured', () => {
    const report = speedReport.parse({
      date: '2026-01-02',
      machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, features: ['avx2'] },
      cases: [
        measured,
        { ...measured, kind: 'loop', pairs: [{ ours: run(10.45), torch: run(8) }] },
        { ...measured, kind: 'loop', precision: 'fp32' }, // its step is not here
      ],
    });
    const lines = speedMarkdown([report])
      .split('\n')
      .filter((line) => line.startsWith('- '));
    expect(lines).toEqual(['- moco 50/224/8 bf16: 95.0 %']);
  });

  it('keeps methods apart: a row and a verdict each, the share of MoCo alone', () => {
    const { method: _, ...unnamed } = measured; // a report from before there were others
    const report = speedReport.parse({
      date: '2026-01-02',
      machine: { cpu: 'Some CPU', cores: 2, memoryGiB: 24, features: ['avx2'] },
      peak: { fp32: 150, bf16: 500 },
      cases: [
        { ...unnamed, pairs: [{ ours: run(11), torch: run(10) }] },
        { ...measured, method: 'byol', target: 1.05 },
        { ...measured, method: 'npid', kind: 'loop' }, // whose step is not here
      ],
    });
    expect(report.cases.map(caseName)).toEqual([
      'moco step 50/224/8 bf16',
      'byol step 50/224/8 bf16',
      'npid loop 50/224/8 bf16',
    ]);
    const rows = speedMarkdown([report]).split('\n');
    const row = (name: string) => rows.find((line) => line.startsWith(`| ${name} `));
    expect(row('moco step 50/224/8 bf16')).toMatch(/1\.15 missed.*71\.6 %/);
    expect(row('byol step 50/224/8 bf16')).toMatch(/1\.05 met/);
    expect(row('byol step 50/224/8 bf16')).not.toContain('71.6 %');
    expect(rows.filter((line) => line.startsWith('- '))).toEqual([]);
  });
});
