import { type HostArray, hostArray } from '../../engine/array.ts';

/**
 * With accumulated gradients the cases do not say whether a gradient is that of the step's loss, of
 * its share in the update, or the sum of shares so far: each is held to the one that it is nearest to.
 */
export class Gradients {
  private readonly accumulate: number;
  private readonly sums = new Map<string, HostArray>();

  constructor(accumulate: number) {
    this.accumulate = accumulate;
  }

  /** @param name of an output at a step, from 1, e.g. `step2.grad.backbone.conv1.weight` */
  meanings(step: number, name: string, value: HostArray): HostArray[] {
    if (this.accumulate === 1 || !/(^|\.)(grad|local_grad|grad_wrt)\./.test(name)) return [value];
    const share = mapped(value, (x) => x / this.accumulate);
    if (name.includes('grad_wrt.')) return [value, share];
    const key = name.replace(`step${step}.`, '');
    const before = (step - 1) % this.accumulate === 0 ? undefined : this.sums.get(key)?.data;
    const sum = mapped(share, (x, i) => x + Number(before?.[i] ?? 0));
    this.sums.set(key, sum);
    return [value, share, sum];
  }
}

function mapped({ shape, data }: HostArray, f: (x: number, i: number) => number): HostArray {
  return hostArray('float32', shape, Float32Array.from(data as Float32Array, f));
}
