import sharp from 'sharp';
import { chartSvg } from './chart.ts';
import { type Labelled, shortName } from './labelled.ts';

/** Which classes images were taken for. */
export interface Confusion {
  /** C. */
  readonly classes: number;
  /** [C, C]: images of the row's class that were taken for the column's. */
  readonly counts: Int32Array;
}

/**
 * Each image is taken for the class of its largest score; of equal ones for the first.
 * @param scores float32 [N, C]
 */
export function confusionOf(labels: Int32Array, scores: Float32Array): Confusion {
  const classes = labels.length === 0 ? 0 : scores.length / labels.length;
  if (!Number.isInteger(classes))
    throw new Error(`pictures: ${scores.length} scores of ${labels.length} images`);
  const counts = new Int32Array(classes * classes);
  for (const [i, label] of labels.entries()) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    let best = 0;
    for (let c = 1; c < classes; c++) if ((row[c] ?? 0) > (row[best] ?? 0)) best = c;
    const place = label * classes + best;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  return { classes, counts };
}

/** Share of each class that was taken for it, in percent; NaN for a class without images. */
export function classAccuracies({ classes, counts }: Confusion): Float64Array {
  return Float64Array.from({ length: classes }, (_, c) => {
    const right = counts[c * classes + c] ?? 0;
    return (100 * right) / rowSum(counts, classes, c);
  });
}

/** Two classes of which one was taken for the other. */
export interface Mistake {
  readonly is: number;
  readonly takenFor: number;
  readonly count: number;
  /** Of all images of the class, in percent. */
  readonly share: number;
}

/** The commonest mistakes, most images first; of equals that of the lower classes first. */
export function mistakes({ classes, counts }: Confusion, most: number): Mistake[] {
  const all: Mistake[] = [];
  for (let is = 0; is < classes; is++) {
    const sum = rowSum(counts, classes, is);
    for (let takenFor = 0; takenFor < classes; takenFor++) {
      const count = counts[is * classes + takenFor] ?? 0;
      if (count > 0 && is !== takenFor)
        all.push({ is, takenFor, count, share: (100 * count) / sum });
    }
  }
  // sort keeps the order of equals
  return all.sort((a, b) => b.count - a.count || b.share - a.share).slice(0, most);
}

function rowSum(counts: Int32Array, classes: number, c: number): number {
  return counts.subarray(c * classes, (c + 1) * classes).reduce((sum, n) => sum + n, 0);
}

/** With more classes, cells are too small for a number. */
const NUMBERED = 20;
/** With more classes, rows are too narrow for a name. */
const NAMED = 60;
const SIDE = 560; // pixels
const MOST_SIDE = 1000;
const LISTED = 20;
const WHITE_TO_BLUE = ['#ffffff', '#6baed6', '#08306b'];

/**
 * The confusion matrix as SVG, each row in percent of its class: with numbers for few classes, with
 * names alone for more, and for many as a bare image beside the commonest mistakes.
 */
export async function confusionSvg(
  confusion: Confusion,
  set: Pick<Labelled, 'classes'>,
  title: string,
): Promise<string> {
  if (confusion.classes > NAMED) return manyClasses(confusion, set, title);
  const { classes, counts } = confusion;
  const values = Array.from(counts, (count, i) => {
    const row = Math.floor(i / classes);
    const share = (100 * count) / Math.max(1, rowSum(counts, classes, row));
    return { row, column: i % classes, share: Number(share.toFixed(2)), label: share.toFixed(0) };
  });
  const cell = Math.max(12, Math.min(44, Math.floor(SIDE / classes)));
  const names = Array.from({ length: classes }, (_, c) => shortName(set, c));
  const axis = {
    labelExpr: `${JSON.stringify(names)}[datum.value]`,
    labelLimit: 140,
    labelFontSize: Math.min(11, cell - 2),
    ticks: false,
    domain: false,
    labelOverlap: false,
  };
  const x = { field: 'column', type: 'ordinal', title: 'taken for' };
  const y = { field: 'row', type: 'ordinal', title: 'class', axis };
  const shade = { domain: [0, 50, 100], range: WHITE_TO_BLUE, interpolate: 'rgb' };
  return chartSvg({
    title: { text: `${title}, % of each class`, anchor: 'start' },
    width: cell * classes,
    height: cell * classes,
    data: { values },
    encoding: { x: { ...x, axis: { ...axis, labelAngle: classes > NUMBERED ? -90 : -45 } }, y },
    layer: [
      {
        mark: { type: 'rect' },
        encoding: {
          color: { field: 'share', type: 'quantitative', title: null, scale: shade, legend: null },
        },
      },
      ...(classes > NUMBERED ? [] : [numbers(cell)]),
    ],
  });
}

/** Shares that are not 0, white on dark cells. */
function numbers(cell: number): object {
  return {
    transform: [{ filter: "datum.label !== '0'" }],
    mark: { type: 'text', fontSize: Math.min(12, Math.floor(cell / 2.4)) },
    encoding: {
      text: { field: 'label' },
      color: { condition: { test: 'datum.share > 55', value: 'white' }, value: '#333' },
    },
  };
}

/** Two panels: the matrix as an image, as thousands of marks would fill megabytes, and mistakes. */
async function manyClasses(
  confusion: Confusion,
  set: Pick<Labelled, 'classes'>,
  title: string,
): Promise<string> {
  const { classes } = confusion;
  const side = classes * Math.max(1, Math.floor(SIDE / classes));
  const shown = Math.min(MOST_SIDE, side);
  const list = mistakes(confusion, LISTED).map(({ is, takenFor, count, share }, rank) => ({
    rank,
    share: Number(share.toFixed(2)),
    text: `${shortName(set, is)} → ${shortName(set, takenFor)}: ${count} (${share.toFixed(0)} %)`,
  }));
  const scale = { type: 'linear', domain: [0, classes], nice: false };
  const axis = { grid: false, tickMinStep: 1 };
  const url = `data:image/png;base64,${(await raster(confusion, side)).toString('base64')}`;
  const matrix = {
    title: { text: 'row: class, column: taken for; darker: larger share', fontWeight: 'normal' },
    width: shown,
    height: shown,
    data: { values: [{ x: 0, y: 0, x2: classes, y2: classes }] },
    mark: { type: 'image', url, width: shown, height: shown, align: 'left', baseline: 'top' },
    encoding: {
      x: { field: 'x', type: 'quantitative', scale, title: null, axis },
      y: {
        field: 'y',
        type: 'quantitative',
        scale: { ...scale, reverse: true },
        title: null,
        axis,
      },
    },
  };
  const common = {
    title: { text: 'commonest mistakes', fontWeight: 'normal' },
    width: 300,
    height: LISTED * 20,
    data: { values: list },
    mark: { type: 'text', align: 'left', limit: 300 },
    encoding: {
      x: { value: 0 },
      y: { field: 'rank', type: 'ordinal', axis: null },
      text: { field: 'text' },
    },
  };
  return chartSvg({
    title: { text: `${title}, ${classes} classes`, anchor: 'start' },
    hconcat: [matrix, common],
  });
}

/** Shares of each row as grey to blue, by their square root, so that mistakes of a few are seen. */
async function raster({ classes, counts }: Confusion, side: number): Promise<Buffer> {
  const cell = side / classes;
  const pixels = new Uint8Array(side * side * 3).fill(255);
  for (let row = 0; row < classes; row++) {
    const sum = Math.max(1, rowSum(counts, classes, row));
    for (let column = 0; column < classes; column++) {
      const count = counts[row * classes + column] ?? 0;
      if (count === 0) continue;
      const depth = 0.15 + 0.85 * Math.sqrt(count / sum);
      const colour = [8, 69, 148].map((dark) => Math.round(255 + (dark - 255) * depth));
      for (let y = row * cell; y < (row + 1) * cell; y++)
        for (let x = column * cell; x < (column + 1) * cell; x++)
          pixels.set(colour, (y * side + x) * 3);
    }
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}
