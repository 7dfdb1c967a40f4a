import type { ImageSize } from '../../benchmarks/detection/boxes.ts';
import type { AnchorTargets } from '../../benchmarks/detection/rpn.ts';
import { concatenated, type HostArray, hostArray } from '../../harness/engine/array.ts';
import { flat } from '../../harness/testing/parity/arrays.ts';
import type { Fixture } from '../../harness/testing/parity/fixture.ts';

/** Boxes of a case, 4 values each. */
export function boxesOf(fixture: Fixture, name: string): Float32Array {
  return Float32Array.from(flat(fixture.input(name).data));
}

/** Integers as cases have them. */
export function integers(values: ArrayLike<number>): HostArray {
  const data = BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i] ?? 0));
  return hostArray('int64', [values.length], data);
}

/** The numbers that follow `prefix` in names of inputs, ascending. */
export function placesOf(fixture: Fixture, prefix: string): number[] {
  const found = fixture.inputs.flatMap((name) => {
    const [, digits] =
      /^(\d+)(\.|$)/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '') ?? [];
    return digits === undefined ? [] : [Number(digits)];
  });
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Heights and widths, a row an image. */
export function sizesOf(fixture: Fixture, name: string): ImageSize[] {
  const values = flat(fixture.input(name).data);
  return Array.from({ length: values.length / 2 }, (_, i) => [
    values[2 * i] ?? 0,
    values[2 * i + 1] ?? 0,
  ]);
}

/** What the anchors of all images learn, as the graph takes it. */
export function anchorInputs(
  targets: readonly AnchorTargets[],
): Record<keyof AnchorTargets, HostArray> {
  const joined = (key: keyof AnchorTargets, ...more: number[]) => {
    const parts = targets.map((one) => one[key]);
    const anchors = targets[0]?.labels.length ?? 0;
    return hostArray('float32', [targets.length, anchors, ...more], concatenated(parts));
  };
  return {
    labels: joined('labels'),
    drawn: joined('drawn'),
    moved: joined('moved', 4),
    deltas: joined('deltas', 4),
  };
}
