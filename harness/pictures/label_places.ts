/** A rectangle in pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Letters of a sans-serif font of 11 pixels are this wide on average, a little more than most. */
const LETTER = 6.1;
const PADDING = 3;
/** Pixels from the top of a label to its bottom. */
export const LABEL_HEIGHT = 14;

/**
 * Where labels of boxes go so that none lies on another: above its box, else at a corner inside, else
 * below. The first in the list choose first; one that finds no place gets none.
 * @param panel which labels do not leave
 */
export function labelPlaces(
  boxes: readonly { readonly box: Rectangle; readonly label: string }[],
  panel: Rectangle,
): readonly (Rectangle | undefined)[] {
  const taken: Rectangle[] = [];
  return boxes.map(({ box, label }) => {
    const width = Math.ceil(LETTER * [...label].length) + 2 * PADDING;
    const place = corners(box, width)
      .map(([left, top]) => within(left, top, width, panel))
      .find((one) => one !== undefined && taken.every((other) => apart(one, other)));
    if (place !== undefined) taken.push(place);
    return place;
  });
}

/** Upper left corners that a label may have, best first. */
function corners({ left, top, right, bottom }: Rectangle, width: number): [number, number][] {
  return [
    [left, top - LABEL_HEIGHT],
    [left, top],
    [right - width, top - LABEL_HEIGHT],
    [right - width, top],
    [left, bottom - LABEL_HEIGHT],
    [left, bottom],
    [right - width, bottom - LABEL_HEIGHT],
    [right - width, bottom],
  ];
}

/** Moved sideways into the panel; none where it stands out above or below, or is wider. */
function within(left: number, top: number, width: number, panel: Rectangle): Rectangle | undefined {
  if (top < panel.top || top + LABEL_HEIGHT > panel.bottom) return undefined;
  const from = Math.max(panel.left, Math.min(left, panel.right - width));
  if (from + width > panel.right) return undefined;
  return { left: from, top, right: from + width, bottom: top + LABEL_HEIGHT };
}

function apart(a: Rectangle, b: Rectangle): boolean {
  return a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
}
