import { sha256, sha256Json } from '../../base/hash.ts';
import { stream } from '../../random/stream.ts';
import { type Image, image } from '../images/image.ts';
import type { Manifest, OpenOptions, Source } from '../source.ts';
import type { SourceSpec } from '../spec.ts';
import { drawLook, paint } from './painting.ts';
import { PATTERNS } from './patterns.ts';
import { severalImage, severalMarks } from './several.ts';

export type GeneratedSpec = Extract<SourceSpec, { kind: 'generated' }>;

/** Raised with every change of the pixels. */
const VERSION = 2;
/** Images whose pixels go into the manifest: a change of the drawing code shows there. */
const PROBES = 40;

/**
 * Pictures of ten kinds of pattern. The class is the kind of pattern alone: colours, background,
 * place, scale, direction, phase, contrast and noise are drawn without regard to it, so that its
 * mean colour says nothing about a picture's class. Classes take turns, so their counts differ by
 * at most 1. Pictures are drawn anew at each reading, from (seed, split, index), with operations
 * that IEEE 754 rounds exactly: the same bits on every machine and Node version.
 */
export function openGenerated(
  spec: GeneratedSpec,
  { manifest }: Partial<OpenOptions> = {},
): Source {
  const { classes, count } = spec;
  if (spec.labels === 'several') return openSeveral(spec, manifest);
  return {
    count,
    labels: Int32Array.from({ length: count }, (_, index) => index % classes),
    classes: PATTERNS.slice(0, classes).map(({ name }) => name),
    manifest: manifest ?? manifestOf(spec, (index) => generatedImage({ ...spec, size: 32 }, index)),
    describe: (index) => `generated ${spec.split} image ${index}`,
    read: (index) => generatedImage(spec, index),
  };
}

/** Pictures of several kinds of pattern: `severalImage`. */
function openSeveral(spec: GeneratedSpec, manifest: Manifest | undefined): Source {
  const { classes, count, split } = spec;
  const marks = severalMarks(spec);
  return {
    count,
    marks,
    classes: PATTERNS.slice(0, classes).map(({ name }) => name),
    manifest:
      manifest ?? manifestOf(spec, (index) => severalImage({ ...spec, size: 32 }, index), marks),
    describe: (index) => `generated ${split} image ${index} of several patterns`,
    read: (index) => severalImage(spec, index),
  };
}

/** Every sample follows from the spec and the drawing code, so the hash is over these two. */
function manifestOf(
  spec: GeneratedSpec,
  draw: (index: number) => Image,
  marks?: Int8Array,
): Manifest {
  const probes = Array.from({ length: Math.min(PROBES, spec.count) }, (_, i) => i);
  const pixels = sha256(probes.map((index) => draw(index).pixels));
  return {
    sha256: sha256Json({
      ...spec,
      version: VERSION,
      pixels,
      ...(marks === undefined ? {} : { marks: sha256(new Uint8Array(marks.buffer)) }),
    }),
    count: spec.count,
    notes: [],
  };
}

/** The picture of an index; the label is `index % classes`. */
export function generatedImage(spec: GeneratedSpec, index: number): Image {
  const { seed, split, classes, size } = spec;
  const draws = stream(seed, 'generated', split, index);
  const look = drawLook(draws, spec.upright);
  const pattern = PATTERNS[index % classes]?.draw(draws);
  if (pattern === undefined) throw new RangeError(`generated image ${index}: no such class`);
  const picture = image(size, size);
  paint(picture, look, pattern);
  return picture;
}
