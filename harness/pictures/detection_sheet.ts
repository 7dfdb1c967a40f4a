import sharp from 'sharp';
import type { Image } from '../data/images/image.ts';
import { fitted } from '../data/images/sheet.ts';
import type { Rle } from '../metrics/rle.ts';
import { chartSvg } from './chart.ts';
import { LABEL_HEIGHT, labelPlaces, type Rectangle } from './label_places.ts';
import { type Rgb, withMasks } from './mask_overlay.ts';

/** Whether a box is as it should be, or counts neither way. */
export type MarkState = 'good' | 'bad' | 'neutral';

/** A box on an image. */
export interface Mark {
  /** Left, top, right, bottom in pixels of the image. */
  readonly box: readonly [number, number, number, number];
  /** Written at its corner, where there is room. */
  readonly label: string;
  readonly state: MarkState;
  /** Of the size of the image. */
  readonly mask?: Rle | undefined;
}

/** The same image with one set of marks, and with another beside it. Marks that matter most come first. */
export interface SheetCard {
  readonly image: Image;
  /** Above each. */
  readonly headings: readonly [string, string];
  readonly marks: readonly [readonly Mark[], readonly Mark[]];
}

const [WIDTH, HEIGHT] = [440, 340]; // of a panel at most, pixels
const HEADING = 20;
const NARROWEST = 260; // room for a heading
const GAP = 12;
const QUALITY = 85; // of JPEG

const LOOKS: Readonly<Record<MarkState, { colour: string; mask: Rgb; dash: readonly number[] }>> = {
  good: { colour: '#1a8f3c', mask: [26, 143, 60], dash: [] },
  bad: { colour: '#d62728', mask: [214, 39, 40], dash: [5, 3] },
  neutral: { colour: '#6f6f6f', mask: [111, 111, 111], dash: [2, 3] },
};
/** Later ones are drawn over earlier ones. */
const STATES: readonly MarkState[] = ['neutral', 'bad', 'good'];

/**
 * Images in rows, each twice, with their marks: good ones in green, bad ones in broken red, neutral ones
 * in dotted grey. As SVG, since the pixels of drawn text would hang on the fonts of the machine.
 */
export async function detectionSheetSvg(
  cards: readonly SheetCard[],
  { title, lines }: { readonly title: string; readonly lines: readonly string[] },
): Promise<string> {
  const panels: Panel[] = [];
  let top = 0;
  for (const { image, headings, marks } of cards) {
    const one = await panelOf(image, marks[0], headings[0], 0, top);
    const beside = Math.max(one.area.right, NARROWEST) + GAP;
    const other = await panelOf(image, marks[1], headings[1], beside, top);
    panels.push(one, other);
    top = one.area.bottom + GAP;
  }
  return chartSvg({
    title: { text: title, subtitle: lines, anchor: 'start', subtitlePadding: 4, offset: 12 },
    width: 2 * WIDTH + GAP,
    height: Math.max(1, top),
    layer: [
      headingLayer(panels),
      pictureLayer(panels),
      ...STATES.flatMap((state) => markLayers(panels, state)),
    ],
  });
}

interface Panel {
  /** Where the picture lies on the sheet. */
  readonly area: Rectangle;
  readonly heading: string;
  readonly url: string;
  readonly marks: readonly PlacedMark[];
}

interface PlacedMark extends Mark {
  readonly on: Rectangle;
  readonly place: Rectangle | undefined;
}

async function panelOf(
  image: Image,
  marks: readonly Mark[],
  heading: string,
  left: number,
  from: number,
): Promise<Panel> {
  const scale = Math.min(WIDTH / image.width, HEIGHT / image.height);
  const masks = marks.flatMap(({ mask, state }) =>
    mask === undefined ? [] : [{ mask, colour: LOOKS[state].mask }],
  );
  const painted = masks.length === 0 ? image : withMasks(image, masks);
  const longer = Math.floor(scale * Math.max(image.width, image.height) + 1e-6);
  const { width, height, pixels } = fitted(painted, longer);
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
  const top = from + HEADING;
  const area = { left, top, right: left + width, bottom: top + height };
  const boxes = marks.map((mark) => {
    const [x1, y1, x2, y2] = mark.box;
    const across = (x: number) => tenth(left + (x * width) / image.width);
    const down = (y: number) => tenth(top + (y * height) / image.height);
    return {
      ...mark,
      on: { left: across(x1), top: down(y1), right: across(x2), bottom: down(y2) },
    };
  });
  const places = labelPlaces(
    boxes.map(({ on, label }) => ({ box: on, label })),
    area,
  );
  return {
    area,
    heading,
    url: `data:image/jpeg;base64,${jpeg.toString('base64')}`,
    marks: boxes.map((mark, i) => ({ ...mark, place: places[i] })),
  };
}

function tenth(value: number): number {
  return Math.round(10 * value) / 10;
}

/** Places are pixels of the sheet: no scale and no axis. */
function at(field: string): object {
  return { field, type: 'quantitative', scale: null, axis: null };
}

function headingLayer(panels: readonly Panel[]): object {
  const values = panels.map(({ area, heading }) => ({ x: area.left, y: area.top - 4, heading }));
  const mark = {
    type: 'text',
    align: 'left',
    baseline: 'bottom',
    fontSize: 12,
    fontWeight: 'bold',
    color: '#222',
  };
  return {
    data: { values },
    mark: { ...mark, limit: WIDTH, aria: false },
    encoding: { x: at('x'), y: at('y'), text: { field: 'heading' } },
  };
}

function pictureLayer(panels: readonly Panel[]): object {
  const values = panels.map(({ area: { left, top, right, bottom }, url }) => {
    return { url, x: left, y: top, width: right - left, height: bottom - top };
  });
  const size = (field: string) => ({ expr: `datum.${field}` });
  const mark = { type: 'image', align: 'left', baseline: 'top', aspect: false, aria: false };
  return {
    data: { values },
    mark: { ...mark, width: size('width'), height: size('height') },
    encoding: { x: at('x'), y: at('y'), url: { field: 'url' } },
  };
}

/** A white rim below the box makes it stand out from any picture. */
function markLayers(panels: readonly Panel[], state: MarkState): object[] {
  const { colour, dash } = LOOKS[state];
  const own = panels.flatMap(({ marks }) => marks.filter((mark) => mark.state === state));
  if (own.length === 0) return [];
  const boxes = own.map(({ on }) => on);
  const labels = own.flatMap(({ place, label }) =>
    place === undefined
      ? []
      : [{ ...place, label, text: place.left + 3, middle: place.top + LABEL_HEIGHT / 2 }],
  );
  const corners = { x: at('left'), y: at('top'), x2: { field: 'right' }, y2: { field: 'bottom' } };
  const line = (stroke: string, strokeWidth: number, strokeDash: readonly number[]) => ({
    data: { values: boxes },
    mark: { type: 'rect', fill: null, stroke, strokeWidth, strokeDash, aria: false },
    encoding: corners,
  });
  return [
    line('white', 4, []),
    line(colour, 2, dash),
    {
      data: { values: labels },
      mark: { type: 'rect', color: colour, aria: false },
      encoding: corners,
    },
    {
      data: { values: labels },
      mark: {
        type: 'text',
        align: 'left',
        baseline: 'middle',
        fontSize: 11,
        color: 'white',
        aria: false,
      },
      encoding: { x: at('text'), y: at('middle'), text: { field: 'label' } },
    },
  ];
}
