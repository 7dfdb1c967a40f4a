import { arrayType, type DType, type HostArray, hostArray, type TypedArray } from '../array.ts';
import type { Output } from '../native/capi.ts';
import { type Form, formValue } from './forms.ts';
import type { Sizes } from './ranges.ts';

/** A constant that runs are fed with. */
export interface Fed {
  readonly output: Output;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly forms: readonly Form[];
}

/** The constants of an entry that follow from sizes alone; its traces share them. */
export class FedConstants {
  private readonly fed = new Map<string, Fed>();

  /** @param add makes a placeholder, where there is none for these forms yet */
  place(one: Omit<Fed, 'output'>, add: () => Output): Output {
    const key = JSON.stringify(one);
    const known = this.fed.get(key) ?? { ...one, output: add() };
    this.fed.set(key, known);
    return known.output;
  }

  /** What a run is fed with. */
  at(sizes: Sizes): { readonly output: Output; readonly value: HostArray }[] {
    return [...this.fed.values()].map(({ output, dtype, shape, forms }) => {
      const numbers = forms.map((form) => formValue(form, sizes));
      return { output, value: hostArray(dtype, shape, filled(dtype, numbers)) };
    });
  }
}

export function filled(dtype: DType, numbers: readonly number[]): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  const Made = arrayType(dtype) as typeof Float32Array;
  return Made.from(numbers);
}
