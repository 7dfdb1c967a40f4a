import { canonicalJson } from '../../base/index.ts';
import type { ViewOp, ViewSpec } from '../../data/spec.ts';
import type { Experiment } from '../spec.ts';

/** What makes the views of an image. */
export function viewWarnings({ data }: Experiment): string[] {
  return [...data.pipelines.flatMap(rangeWarnings), ...sameViews(data.pipelines)];
}

/** Two views that are the same, pixel by pixel, leave nothing to be learnt from a pair. */
function sameViews(pipelines: readonly ViewSpec[]): string[] {
  const fixed = new Map<string, number>();
  for (const [i, view] of pipelines.entries()) {
    if (view.some(isRandom)) continue;
    const text = canonicalJson(view.filter((op) => !isIdle(op)));
    const before = fixed.get(text);
    if (before !== undefined)
      return [
        `data.pipelines[${before}] and data.pipelines[${i}]: nothing in them is random, so both make the same view ` +
          'of an image and there is nothing to be learnt from the pair; add randomResizedCrop, or a p between 0 and 1',
      ];
    fixed.set(text, i);
  }
  return [];
}

/** Whether an operation may do something else the next time. */
function isRandom(op: ViewOp): boolean {
  if (isIdle(op)) return false;
  switch (op.kind) {
    case 'resize':
    case 'squash':
    case 'centerCrop':
      return false;
    case 'flip':
    case 'grayscale':
    case 'solarize':
      return op.p < 1;
    case 'blur':
      return op.p < 1 || op.sigma[0] !== op.sigma[1];
    case 'patches':
      return op.jitter > 0;
    default:
      return true;
  }
}

/** Whether an operation never does anything. */
function isIdle(op: ViewOp): boolean {
  if ('p' in op && op.p === 0) return true;
  if (op.kind === 'rotation') return op.degrees === 0;
  if (op.kind === 'lighting') return op.std === 0;
  if (op.kind !== 'colorJitter') return false;
  return op.brightness + op.contrast + op.saturation + op.hue === 0;
}

/** Bounds that are the wrong way round. */
function rangeWarnings(view: ViewSpec, i: number): string[] {
  return view.flatMap((op, at) => {
    const ranges: [string, readonly [number, number]][] =
      op.kind === 'randomResizedCrop'
        ? [
            ['scale', op.scale],
            ['ratio', op.ratio],
          ]
        : op.kind === 'blur'
          ? [['sigma', op.sigma]]
          : [];
    return ranges
      .filter(([, [low, high]]) => low > high)
      .map(
        ([name, [low, high]]) =>
          `data.pipelines[${i}][${at}].${name}: [${low}, ${high}] goes down; the smaller bound comes first: [${high}, ${low}]`,
      );
  });
}
