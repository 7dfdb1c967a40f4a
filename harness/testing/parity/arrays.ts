import { UserError } from '../../base/errors.ts';
import type { HostArray, TypedArray } from '../../engine/array.ts';

/** One view of images [N, V, C, H, W] or [N, C, H, W], as the graph takes it: [N, H, W, C]. */
export function viewOf({ shape, data }: HostArray, view: number): Float32Array {
  const many = shape.length === 5 ? shape : [shape[0] ?? 0, 1, ...shape.slice(1)];
  const [count = 0, views = 0, channels = 0, height = 0, width = 0] = many;
  const pixels = height * width;
  const out = new Float32Array(count * pixels * channels);
  for (let n = 0; n < count; n++)
    for (let c = 0; c < channels; c++) {
      const from = ((n * views + view) * channels + c) * pixels;
      for (let p = 0; p < pixels; p++)
        out[(n * pixels + p) * channels + c] = Number(data[from + p]);
    }
  return out;
}

/** Any integers or floats as plain numbers. */
export function flat(data: TypedArray): number[] {
  return Array.from({ length: data.length }, (_, i) => Number(data[i]));
}

/** Holds labels to 0, 1, … `count` - 1 in turn. @throws UserError by name. */
export function expectTurns(name: string, { data }: HostArray, count: number): void {
  const strange = flat(data).findIndex((label, i) => label !== i % count);
  if (strange >= 0)
    throw new UserError(
      `${name}: found ${data[strange]} at place ${strange}, expected 0 to ${count - 1} in turn`,
    );
}
