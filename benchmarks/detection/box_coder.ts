import { exp, log } from '../../harness/random/elementary.ts';
import { type Boxes, boxAt, boxCount } from './boxes.ts';

/** What dx, dy, dw and dh are multiplied by: 1, 1, 1, 1 for anchors and 10, 10, 5, 5 for regions. */
export type CoderWeights = readonly [number, number, number, number];

/** The most that dw and dh may be when a box is made of them: a box grows no more than 1000 / 16 times. */
export const SCALE_CLAMP = log(1000 / 16);

const f = Math.fround;

/**
 * How boxes have to be moved to become others, rows dx, dy, dw, dh: R-CNN, Girshick et al. 2014,
 * arXiv:1311.2524, appendix C. Of an empty box that gives infinities or NaN.
 */
export function encodeBoxes(from: Boxes, to: Boxes, weights: CoderWeights): Float32Array {
  const out = new Float32Array(from.length);
  for (let i = 0; i < boxCount(from); i++) {
    const [own, goal] = [centred(boxAt(from, i)), centred(boxAt(to, i))];
    for (const axis of [0, 1] as const) {
      const [side, wanted] = [own.side[axis], goal.side[axis]];
      const shift = f(weights[axis] * f(goal.centre[axis] - own.centre[axis]));
      out[4 * i + axis] = f(shift / side);
      out[4 * i + 2 + axis] = f(weights[axis === 0 ? 2 : 3] * f(log(f(wanted / side))));
    }
  }
  return out;
}

/**
 * Boxes moved by deltas, the inverse of `encodeBoxes` but for the clamp of dw and dh, which acts after
 * the division by the weights.
 * @param deltas rows of dx, dy, dw, dh, of one or several classes each
 * @returns as many boxes a row
 */
export function decodeBoxes(deltas: Float32Array, from: Boxes, weights: CoderWeights): Boxes {
  const count = boxCount(from);
  const classes = count === 0 ? 0 : deltas.length / (4 * count);
  const most = f(SCALE_CLAMP);
  const out = new Float32Array(deltas.length);
  for (let i = 0, at = 0; i < count; i++) {
    const { side, centre } = centred(boxAt(from, i));
    for (let c = 0; c < classes; c++, at += 4)
      for (const axis of [0, 1] as const) {
        const shift = f((deltas[at + axis] ?? 0) / weights[axis]);
        const growth = f((deltas[at + 2 + axis] ?? 0) / weights[axis === 0 ? 2 : 3]);
        const middle = f(f(shift * side[axis]) + centre[axis]);
        const half = f(0.5 * f(f(exp(Math.min(growth, most))) * side[axis]));
        out[at + axis] = f(middle - half);
        out[at + 2 + axis] = f(middle + half);
      }
  }
  return out;
}

function centred([x1, y1, x2, y2]: readonly [number, number, number, number]) {
  const side = [f(x2 - x1), f(y2 - y1)] as const;
  return { side, centre: [f(x1 + f(0.5 * side[0])), f(y1 + f(0.5 * side[1]))] as const };
}
