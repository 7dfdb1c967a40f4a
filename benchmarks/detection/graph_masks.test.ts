import { beforeAll, expect, it } from 'vitest';
import { startEngine } from '../../harness/engine/index.ts';
import { Program } from '../../harness/engine/program.ts';
import { type Stream, stream } from '../../harness/random/stream.ts';
import type { Box } from './boxes.ts';
import { graphMaskTargets } from './graph_masks.ts';
import { sidesOf } from './outline_sides.ts';
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

function objectsOf(name: string, corner: Corner): readonly (readonly Polygon[])[] {
  const draws = stream(5, 'outlines', name);
  return Array.from({ length: OBJECTS }, () =>
    Array.from({ length: draws.int(1, PARTS) }, () => {
      const count = draws.int(3, Math.floor(CORNERS / PARTS));
      return Float64Array.from(Array.from({ length: count }, () => corner(draws)).flat());
    }),
  );
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

it.each(
  Object.entries(corners).flatMap(([name, corner]) =>
    [14, 28, 3].map((side) => [name, side, corner] as const),
  ),
)('outlines of %s fill regions of %i pixels as the host fills them', async (name, side, corner) => {
  const objects = objectsOf(name, corner);
  const boxes = regionsOf(name);
  const own = Int32Array.from({ length: REGIONS }, (_, i) => i % OBJECTS);
  const outlines = sidesOf(objects, CORNERS);
  const program = new Program();
  try {
    program.entry('masks', {
      inputs: {
        sides: { dtype: 'float64', shape: [OBJECTS, CORNERS, 4] },
        parts: { dtype: 'int32', shape: [OBJECTS, CORNERS] },
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
});
