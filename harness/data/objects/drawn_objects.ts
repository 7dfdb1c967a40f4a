import { sha256, sha256Json } from '../../base/hash.ts';
import { areaOf, type Rle, sharedArea } from '../../metrics/rle.ts';
import { rleOfPolygon } from '../../metrics/rle_polygon.ts';
import { cos, sin } from '../../random/elementary.ts';
import { type Stream, stream } from '../../random/stream.ts';
import { type Image, image } from '../images/image.ts';
import type { OpenOptions } from '../source.ts';
import { CONTRAST, type Colour, coverage, drawColour, luma } from '../sources/painting.ts';
import { between } from '../sources/patterns.ts';
import type { ObjectSpec } from './object_spec.ts';
import type { Corners, ObjectImage, ObjectSource, SeenObject } from './objects.ts';
import { depthIn, outlineOf, type PlacedShape, SHAPES } from './shapes.ts';

type DrawnSpec = Extract<ObjectSpec, { kind: 'drawnObjects' }>;

/** Raised with every change of the pixels or of what is said of them. */
const VERSION = 1;
/** Pictures whose pixels go into the manifest: a change of the drawing code shows there. */
const PROBES = 8;

/**
 * Pictures of shapes on a shaded ground, with boxes and outlines. The class is the shape alone: place,
 * size, direction and grey are drawn without regard to it. Later shapes lie over earlier ones and hide at
 * most a fifth of each; an outline is that of the whole shape, as if nothing lay over it. None is a crowd
 * or difficult. All of it is drawn anew at each reading from (seed, split, index), by operations that
 * round alike everywhere.
 */
export function openDrawnObjects(
  spec: DrawnSpec,
  { manifest }: Partial<OpenOptions>,
): ObjectSource {
  const { count, classes, split } = spec;
  const scene = (index: number) => {
    if (!(index >= 0 && index < count)) throw new RangeError(`drawn objects: no picture ${index}`);
    return sceneOf(spec, index);
  };
  const truths = {
    count,
    classes: SHAPES.slice(0, classes).map(({ name }) => name),
    image: (index: number): ObjectImage => ({ id: index, ...sizeOf(spec, drawsOf(spec, index)) }),
    objects: (index: number) =>
      scene(index).shapes.map(({ label, mask, placed }) => objectOf(label, mask, placed)),
  };
  const probes = Array.from(
    { length: Math.min(PROBES, count) },
    (_, i) => paintScene(scene(i)).pixels,
  );
  const sum = () => sha256Json({ ...spec, version: VERSION, pixels: sha256(probes) });
  return {
    ...truths,
    manifest: manifest ?? { sha256: sum(), count, notes: [] },
    describe: (index) => `drawn ${split} picture ${index}`,
    read: (index) => paintScene(scene(index)),
  };
}

interface SceneShape {
  readonly label: number;
  readonly placed: PlacedShape;
  readonly mask: Rle;
  readonly colour: Colour;
}

interface Scene {
  readonly width: number;
  readonly height: number;
  readonly ground: readonly [Colour, Colour];
  readonly slope: readonly [number, number];
  readonly shapes: readonly SceneShape[];
  /** Largest deviation of the noise, in grey levels, and where it starts. */
  readonly noise: number;
  readonly noiseStart: number;
}

function drawsOf({ seed, split }: DrawnSpec, index: number): Stream {
  return stream(seed, 'drawn objects', split, index);
}

/** The first that is drawn of a picture. */
function sizeOf({ sides }: DrawnSpec, draws: Stream) {
  return { width: draws.int(...sides), height: draws.int(...sides) };
}

function sceneOf(spec: DrawnSpec, index: number): Scene {
  const { classes, most } = spec;
  const draws = drawsOf(spec, index);
  const { width, height } = sizeOf(spec, draws);
  const ground = [drawColour(draws), drawColour(draws)] as const;
  const fall = between(draws, 0, 2 * Math.PI);
  const [noise, noiseStart] = [between(draws, 2, 10), draws.int(0, 2 ** 32 - 1)];
  const shapes: SceneShape[] = [];
  const wanted = draws.int(1, most);
  for (let tries = 0; shapes.length < wanted && tries < TRIES * wanted; tries++) {
    const made = drawShape(draws, classes, width, height, ground);
    if (shapes.every((other) => leaves(made, other))) shapes.push(made);
  }
  return { width, height, ground, slope: [cos(fall), sin(fall)], shapes, noise, noiseStart };
}

const TRIES = 6; // for each shape that finds no place

/** Shares of the short side. */
const [SMALLEST, LARGEST] = [0.08, 0.3];

function drawShape(
  draws: Stream,
  classes: number,
  width: number,
  height: number,
  ground: readonly [Colour, Colour],
): SceneShape {
  const label = draws.int(0, classes - 1);
  const shape = SHAPES[label];
  if (shape === undefined) throw new RangeError(`drawn objects: no class ${label}`);
  const radius = between(draws, SMALLEST, LARGEST) * Math.min(width, height);
  const angle = between(draws, 0, 2 * Math.PI);
  const margin = radius * REACH;
  const [x, y] = [between(draws, margin, width - margin), between(draws, margin, height - margin)];
  const placed = { shape, x, y, radius, direction: [cos(angle), sin(angle)] as const };
  const mask = rleOfPolygon(height, width, outlineOf(placed));
  return { label, placed, mask, colour: contrasting(draws, ground) };
}

/** A grey that stands out from both ends of the ground. */
function contrasting(draws: Stream, [a, b]: readonly [Colour, Colour]): Colour {
  let best = drawColour(draws);
  const distance = (colour: Colour) =>
    Math.min(Math.abs(luma(colour) - luma(a)), Math.abs(luma(colour) - luma(b)));
  // A ground from black to white leaves little: then the best of some.
  for (let tries = 0; tries < 20 && distance(best) < CONTRAST; tries++) {
    const other = drawColour(draws);
    if (distance(other) > distance(best)) best = other;
  }
  return best;
}

const HIDDEN = 0.2;

/** Whether a new shape leaves enough of one before it, and is not of much the same place. */
function leaves({ mask }: SceneShape, { mask: before }: SceneShape): boolean {
  const shared = sharedArea(mask, before);
  return shared <= HIDDEN * areaOf(before) && shared <= HIDDEN * areaOf(mask);
}

function objectOf(label: number, mask: Rle, placed: PlacedShape): SeenObject {
  const outline = outlineOf(placed);
  const xs = outline.filter((_, i) => i % 2 === 0);
  const ys = outline.filter((_, i) => i % 2 === 1);
  const box: Corners = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return {
    class: label,
    box,
    polygons: [outline],
    area: areaOf(mask),
    crowd: false,
    difficult: false,
  };
}

function paintScene(scene: Scene): Image {
  const { width, height, ground, slope, shapes, noise } = scene;
  const picture = image(width, height);
  const covers = new Float64Array(shapes.length);
  const [light, dark] = ground;
  let word = scene.noiseStart;
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++, at += 3) {
      const [x, y] = [column + 0.5, row + 0.5];
      const along = (x / width - 0.5) * slope[0] + (y / height - 0.5) * slope[1];
      const fall = Math.min(1, Math.max(0, 0.5 + 0.7 * along));
      for (let i = 0; i < shapes.length; i++) covers[i] = coverAt(shapes[i]?.placed, x, y);
      word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
      const grain = (((word >>> 8) / 0x1000000) * 2 - 1) * noise;
      for (let c = 0; c < 3; c++) {
        const from = light[c] ?? 0;
        let value = from + ((dark[c] ?? 0) - from) * fall;
        for (let i = 0; i < shapes.length; i++)
          value += ((shapes[i]?.colour[c] ?? 0) - value) * (covers[i] ?? 0);
        picture.pixels[at + c] = Math.min(255, Math.max(0, Math.floor(value + grain + 0.5)));
      }
    }
  return picture;
}

/** Most pixels lie outside a shape's circle, where its edges need not be asked. */
function coverAt(placed: PlacedShape | undefined, x: number, y: number): number {
  if (placed === undefined) return 0;
  const reach = placed.radius * REACH + 1;
  if (Math.abs(x - placed.x) > reach || Math.abs(y - placed.y) > reach) return 0;
  return coverage(depthIn(placed, x, y));
}

/** The farthest corner of any shape, over its radius. */
const REACH = Math.max(
  ...SHAPES.flatMap(({ outline }) => outline.map(([x, y]) => Math.sqrt(x * x + y * y))),
);
