import { stream } from '../../random/stream.ts';
import type { Source } from '../source.ts';
import type { ViewSpec } from '../spec.ts';
import type { Change } from './change.ts';
import { type Image, image } from './image.ts';
import { applyViews, sampleViews } from './pipeline.ts';
import { resample } from './resample.ts';

/** One view of one sample, with all that was drawn for it. */
export interface ShownView {
  readonly epoch: number;
  readonly view: number;
  readonly changes: readonly Change[];
  readonly picture: Image;
}

/** A sample and its views: a row of the sheet. */
export interface ShownSample {
  readonly index: number;
  /** Where the sample comes from. */
  readonly name: string;
  readonly label?: string;
  readonly picture: Image;
  readonly views: readonly ShownView[];
}

/**
 * The views that a run with this seed sees of a sample, made again from its streams alone.
 * @throws UserError that names the sample where it cannot be read.
 */
export async function showSample(
  source: Source,
  index: number,
  epochs: readonly number[],
  { seed, pipelines, size }: { seed: number; pipelines: readonly ViewSpec[]; size: number },
): Promise<ShownSample> {
  const picture = await source.read(index);
  const views = epochs.flatMap((epoch) =>
    pipelines
      .flatMap((pipeline, p) => {
        const draws = stream(seed, 'augment', epoch, index, p);
        const sampled = sampleViews(pipeline, draws, picture, size);
        return applyViews(picture, sampled).map((one, patch) => {
          const box = sampled.patches?.[patch];
          const cut = box === undefined ? [] : [{ kind: 'crop', ...box } as const];
          return { changes: [...sampled.changes, ...cut], picture: one };
        });
      })
      .map((one, view) => ({ epoch, view, ...one })),
  );
  const label = source.labels?.[index];
  return {
    index,
    name: source.describe(index),
    picture,
    views,
    ...(label === undefined ? {} : { label: source.classes?.[label] ?? String(label) }),
  };
}

const GAP = 4; // pixels
const SMALLEST = 96; // side of a cell; smaller views are shown larger, pixel by pixel

/** All samples as one picture: a row each, the whole image first, then its views. */
export function contactSheet(samples: readonly ShownSample[]): Image {
  const side = Math.max(1, ...samples.flatMap(({ views }) => views.map((v) => v.picture.width)));
  const factor = Math.ceil(SMALLEST / side);
  const cell = side * factor;
  const columns = 1 + Math.max(0, ...samples.map(({ views }) => views.length));
  const sheet = image(columns * (cell + GAP) + GAP, samples.length * (cell + GAP) + GAP);
  sheet.pixels.fill(255);
  samples.forEach(({ picture, views }, row) => {
    const top = GAP + row * (cell + GAP);
    paste(sheet, fitted(picture, cell), GAP, top);
    views.forEach((view, column) => {
      const shown = enlarged(view.picture, factor);
      paste(sheet, shown, GAP + (column + 1) * (cell + GAP), top);
    });
  });
  return sheet;
}

/** The whole image, its longer side brought to `side`; a small one as many whole times as fit. */
export function fitted(picture: Image, side: number): Image {
  const { width, height } = picture;
  const scale = side / Math.max(width, height);
  if (scale >= 1) return enlarged(picture, Math.floor(scale));
  const to = (length: number) => Math.max(1, Math.round(length * scale));
  return resample(picture, { left: 0, top: 0, width, height }, to(width), to(height), 'bilinear');
}

function enlarged({ width, height, pixels }: Image, factor: number): Image {
  const out = image(width * factor, height * factor);
  for (let y = 0, to = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++, to += 3) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * 3;
      out.pixels.set(pixels.subarray(from, from + 3), to);
    }
  }
  return out;
}

/** Copies an image into a larger one, in place. */
export function paste(
  sheet: Image,
  { width, height, pixels }: Image,
  left: number,
  top: number,
): void {
  for (let y = 0; y < height; y++) {
    const row = pixels.subarray(y * width * 3, (y + 1) * width * 3);
    sheet.pixels.set(row, ((top + y) * sheet.width + left) * 3);
  }
}

/** `resize 320x240+12+40 → 224x224 bilinear · hue -0.031 · flip`: what was done to an image. */
export function changesText(changes: readonly Change[]): string {
  if (changes.length === 0) return 'unchanged';
  return changes.map(changeText).join(' · ');
}

function changeText(change: Change): string {
  switch (change.kind) {
    case 'crop':
    case 'resize': {
      const box = `${change.width}x${change.height}+${change.left}+${change.top}`;
      if (change.kind === 'crop') return `crop ${box}`;
      return `resize ${box} → ${change.toWidth}x${change.toHeight} ${change.interpolation}`;
    }
    case 'flip':
    case 'grayscale':
      return change.kind;
    case 'hue':
      return `hue ${change.shift.toFixed(3)}`;
    case 'blur':
      return `blur ${change.sigma.toFixed(2)}`;
    case 'solarize':
      return `solarize ${change.threshold}`;
    case 'rotate':
      return `rotate ${change.degrees.toFixed(2)}°`;
    case 'lighting':
      return `lighting ${change.shift.map((part) => part.toFixed(3)).join(' ')}`;
    default:
      return `${change.kind} ${change.factor.toFixed(3)}`;
  }
}
