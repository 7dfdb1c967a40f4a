import { beforeAll, expect, it } from 'vitest';
import { startEngine } from '../../harness/engine/index.ts';
import { Program } from '../../harness/engine/program.ts';
import { rleOfBitmap } from '../../harness/metrics/rle.ts';
import { outlineOfRle } from '../../harness/metrics/rle_outline.ts';
import { type Stream, stream } from '../../harness/random/stream.ts';
import type { Box } from './boxes.ts';
import { graphMaskTargets } from './graph_masks.ts';
import { sideCount, sidesOf } from './outline_sides.ts';
import { maskTarget, type Polygon } from './polygons.ts';

beforeAll(startEngine);

const OBJECTS = 12;
const PARTS = 3;
const CORNERS = 40;
const REGIONS = 60;

type Corner = (draws: Stream) => readonly [number, number];

/** Outlines of any form: hundredths of pixels as COCO has them, whole and half pixels, upright sides, points twice. */
const corners: Readonly<Record<string, Corner>> = {
  hundredths: (draws) => [draws.int(0, 9000) / 100, draws.int(0, 9000) / 100],
  halves: (draws) => [draws.int(0, 180) / 2, draws.int(0, 180) / 2],
  few: (draws) => [10 * draws.int(0, 4), 10 * draws.int(0, 4)],
  'any number': (draws) => [90 * draws.uniform(), 90 * draws.uniform()],
};

/** @returns polygons of an object */
type Draw = (draws: Stream) => readonly Polygon[];

function polygonsOf(corner: Corner): Draw {
  return (draws) =>
    Array.from({ length: draws.int(1, PARTS) }, () => {
      const count = draws.int(3, Math.floor(CORNERS / PARTS));
      return Float64Array.from(Array.from({ length: count }, () => corner(draws)).flat());
    });
}

/** Of a mask with holes and parts that touch at corners. */
function outlineOfMask(draws: Stream): readonly Polygon[] {
  const bitmap = Array.from({ length: 36 }, () => Number(draws.int(0, 9) < 6));
  const outline = outlineOfRle(rleOfBitmap(6, 6, bitmap));
  return [outline.map((at, i) => at * (i % 2 === 0 ? 13.7 : 14.9))];
}

const kinds: readonly (readonly [string, Draw])[] = [
  ...Object.entries(corners).map(([name, corner]) => [name, polygonsOf(corner)] as const),
  ['pixels of a mask', outlineOfMask],
];

function objectsOf(name: string, draw: Draw): readonly (readonly Polygon[])[] {
  const draws = stream(5, 'outlines', name);
  return Array.from({ length: OBJECTS }, () => draw(draws));
}

/** Regions of which some are far outside, and some have next to no side. */
function regionsOf(name: string): Float32Array {
  const draws = stream(6, 'regions', name);
  const boxes = Array.from({ length: REGIONS }, (_, i) => {
    const [x, y] = [draws.int(-100, 700) / 10, draws.int(-100, 700) / 10];
    const length = () => [0, 0.05, 0.1, 3][i] ?? 50 * draws.uniform() + 1;
    return [x, y, x + length(), y + length()];
  });
  return Float32Array.from(boxes.flat());
}

it.each(kinds.flatMap(([name, draw]) => [14, 28, 3].map((side) => [name, side, draw] as const)))(
  'outlines of %s fill regions of %i pixels as the host fills them',
  async (name, side, draw) => {
    const objects = objectsOf(name, draw);
    const most = Math.max(...objects.map(sideCount));
    const boxes = regionsOf(name);
    const own = Int32Array.from({ length: REGIONS }, (_, i) => i % OBJECTS);
    const outlines = sidesOf(objects, most);
    const program = new Program();
    try {
      program.entry('masks', {
        inputs: {
          sides: { dtype: 'float64', shape: [OBJECTS, most, 4] },
          parts: { dtype: 'int32', shape: [OBJECTS, most] },
          objects: { dtype: 'int32', shape: [REGIONS] },
          boxes: { dtype: 'float32', shape: [REGIONS, 4] },
        },
        build: ({ inputs: { sides, parts, objects: places, boxes: regions } }) => {
          if (!sides || !parts || !places || !regions) return expect.unreachable();
          return { masks: graphMaskTargets({ sides, parts, most: PARTS }, places, regions, side) };
        },
      });
      const { masks } = await program.run('masks', { ...outlines, objects: own, boxes });
      const expected = Array.from({ length: REGIONS }, (_, i) => {
        const box = boxes.slice(4 * i, 4 * i + 4) as unknown as Box;
        return [...maskTarget(objects[i % OBJECTS] ?? [], box, side).data];
      });
      const area = side * side;
      const found = expected.map((_, i) =>
        Array.from(masks?.data.slice(i * area, (i + 1) * area) ?? [], Number),
      );
      expect(found).toEqual(expected);
      const inside = expected.flat().filter((pixel) => pixel === 1).length;
      expect(inside).toBeGreaterThan(0.05 * REGIONS * area);
      expect(inside).toBeLessThan(0.95 * REGIONS * area);
    } finally {
      program.dispose();
    }
  },
);
