import { describe, expect, it } from 'vitest';
import { pasted } from './paste_masks.ts';
import { boundingBox, filled, maskTarget, polygonArea } from './polygons.ts';

const rectangle = (x1: number, y1: number, x2: number, y2: number) =>
  Float64Array.of(x1, y1, x2, y1, x2, y2, x1, y2);

/** Rows of a bitmap as text. */
function drawn({ height, width, data }: ReturnType<typeof filled>): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (bit) => (bit === 1 ? '#' : '.')).join(
      '',
    ),
  );
}

describe('polygons', () => {
  it('a rectangle on pixel borders fills its pixels', () => {
    expect(drawn(filled([rectangle(1, 1, 4, 3)], 4, 5))).toEqual([
      '.....',
      '.###.',
      '.###.',
      '.....',
    ]);
  });

  it('several are united, also where they overlap; what lies outside is cut', () => {
    const both = [rectangle(-3, 0, 2, 2), rectangle(1, 1, 9, 2)];
    expect(drawn(filled(both, 3, 4))).toEqual(['##..', '####', '....']);
  });

  it('nothing is filled by no polygon, and by one without an area', () => {
    expect([...filled([], 2, 2).data]).toEqual([0, 0, 0, 0]);
    expect([...filled([Float64Array.of(1, 1, 1, 1, 1, 1)], 2, 2).data]).toEqual([0, 0, 0, 0]);
  });

  it('a target shows what lies in the region, each axis stretched by itself', () => {
    const target = maskTarget([rectangle(10, 20, 20, 40)], [10, 20, 30, 60], 4);
    expect(drawn(target)).toEqual(['##..', '##..', '....', '....']);
  });

  it('a region without a side is taken for a tenth of a pixel', () => {
    const target = maskTarget([rectangle(0, 0, 50, 50)], [10, 10, 10, 10], 2);
    expect(drawn(target)).toEqual(['##', '##']);
  });

  it('area and bounding box', () => {
    const both = [rectangle(1, 1, 4, 3), rectangle(6, 2, 7, 9)];
    expect(polygonArea(both)).toBe(6 + 7);
    expect([...boundingBox(both)]).toEqual([1, 1, 7, 9]);
  });
});

describe('pasted masks', () => {
  it('a mask of ones fills its box, to the pixels whose centre looks up a half', () => {
    const ones = new Float32Array(4).fill(1);
    expect(drawn(pasted(ones, 2, [1, 1, 5, 3], [4, 6]))).toEqual([
      '......',
      '.####.',
      '.####.',
      '......',
    ]);
  });

  it('each cell lies where it belongs, and a box beyond the image is cut', () => {
    const corner = Float32Array.of(1, 0, 0, 0);
    // Half a cell fades out at the border, along both axes.
    expect(drawn(pasted(corner, 2, [0, 0, 8, 4], [4, 8]))).toEqual([
      '.##.....',
      '.##.....',
      '........',
      '........',
    ]);
    expect(drawn(pasted(new Float32Array(4).fill(1), 2, [-4, -4, 2, 2], [3, 3]))).toEqual([
      '##.',
      '#..', // both axes fade at a corner
      '...',
    ]);
  });
});
