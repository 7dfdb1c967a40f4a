import { describe, expect, it } from 'vitest';
import { openGenerated } from '../sources/generated.ts';
import { viewSpec } from '../spec.ts';
import { changesText, contactSheet, showSample } from './sheet.ts';

const spec = {
  kind: 'generated',
  classes: 10,
  count: 20,
  size: 32,
  seed: 0,
  split: 'train',
} as const;
const cut = viewSpec.parse([{ kind: 'centerCrop' }]);
const turned = viewSpec.parse([{ kind: 'centerCrop' }, { kind: 'flip', p: 1 }]);

describe('a contact sheet', () => {
  it('has a row for each sample: the image, then every view of every epoch', async () => {
    const source = openGenerated(spec);
    const setup = { seed: 1, pipelines: [cut, turned], size: 32 };
    const samples = await Promise.all([3, 14].map((i) => showSample(source, i, [0, 5], setup)));
    expect(samples[0]).toMatchObject({ index: 3, label: source.classes?.[3] });
    expect(samples[1]?.views.map(({ epoch, view }) => [epoch, view])).toEqual([
      [0, 0],
      [0, 1],
      [5, 0],
      [5, 1],
    ]);
    const { width, height, pixels } = contactSheet(samples);
    expect([width, height]).toEqual([5 * 100 + 4, 2 * 100 + 4]);
    const pixel = (x: number, y: number) => [...pixels.subarray((y * width + x) * 3).slice(0, 3)];
    expect(pixel(0, 0)).toEqual([255, 255, 255]);
    for (const [row, index] of [3, 14].entries()) {
      const picture = await source.read(index);
      const at = (x: number, y: number) => [
        ...picture.pixels.subarray((y * 32 + x) * 3).slice(0, 3),
      ];
      const top = 4 + row * 100;
      expect(pixel(4 + 3 * 7, top + 3 * 11)).toEqual(at(7, 11)); // the image, three times as large
      expect(pixel(104 + 3 * 7 + 2, top + 3 * 11 + 2)).toEqual(at(7, 11)); // its first view
      expect(pixel(204 + 3 * 7, top + 3 * 11)).toEqual(at(24, 11)); // its second, turned
    }
  });

  it('is told in words', () => {
    expect(changesText([])).toBe('unchanged');
    expect(
      changesText([
        {
          kind: 'resize',
          left: 12,
          top: 40,
          width: 320,
          height: 240,
          toWidth: 32,
          toHeight: 32,
          interpolation: 'bicubic',
        },
        { kind: 'hue', shift: -0.0314 },
        { kind: 'contrast', factor: 1.25 },
        { kind: 'flip' },
      ]),
    ).toBe('resize 320x240+12+40 → 32x32 bicubic · hue -0.031 · contrast 1.250 · flip');
  });
});
