import type { ParameterSpec } from '../nn/module.ts';

/** A shape as files have it: convolutions [O, I, H, W], which are [H, W, I, O] in the graph. */
export function fileShape(shape: readonly number[]): readonly number[] {
  const [h, w, i, o] = shape;
  if (h === undefined || w === undefined || i === undefined || o === undefined) return shape;
  return [o, i, h, w];
}

/** Shapes in files of parameters and buffers, by their names. */
export function fileShapes(
  ...entries: readonly ReadonlyMap<string, Pick<ParameterSpec, 'shape'>>[]
): ReadonlyMap<string, readonly number[]> {
  return new Map(
    entries.flatMap((own) =>
      [...own].map(([name, { shape }]) => [name, fileShape(shape)] as const),
    ),
  );
}
