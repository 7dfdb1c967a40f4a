import { relu } from '../engine/ops/activation.ts';
import { type Tensor, tf } from '../engine/tf.ts';
import type { Backbone } from '../experiment/model.ts';
import { batchNorm, conv } from '../nn/layers.ts';
import { bound, type Call, composed, type Module, sequential } from '../nn/module.ts';

/** Channels of the stem and of the three blocks behind it; the last two halve the image. */
const WIDTHS = [4, 4, 8, 32] as const;

/**
 * A residual network of seven convolutions under ResNet's names, [N, H, W, 3] → [N, H/4, W/4, 32]: all kinds
 * of layers that a ResNet-18 has, at a third of the time to trace and compile. Tests of methods step through
 * dozens of learners; ResNets have tests of their own.
 */
export function smallBackbone(norm: 'batch' | 'sync', channels = 3): Backbone {
  const sync = norm === 'sync';
  const [stem, ...blocks] = WIDTHS;
  const stages = blocks.map((width, i) => {
    const inputs = WIDTHS[i] ?? stem;
    return [`layer${i + 1}`, sequential([block(inputs, width, i === 0 ? 1 : 2, sync)])] as const;
  });
  const children: Record<string, Module> = {
    conv1: conv({ inputs: channels, outputs: stem, size: 3, padding: 1 }),
    bn1: batchNorm({ channels: stem, sync }),
    ...Object.fromEntries(stages),
  };
  const forward = (call: Call<string>, x: Tensor) => {
    const levels = [relu(call('bn1', call('conv1', x)))];
    for (const [name] of stages) levels.push(call(name, levels.at(-1) ?? x));
    return levels;
  };
  return {
    module: composed(children, (call, x) => forward(call, x).at(-1) ?? x),
    channels: WIDTHS[3],
    widths: WIDTHS,
    levels: bound(children, forward),
  };
}

/** Two 3x3 convolutions around a shortcut, as ResNet's basic block. */
function block(inputs: number, outputs: number, stride: number, sync: boolean): Module {
  const norm = () => batchNorm({ channels: outputs, sync });
  const children: Record<string, Module> = {
    conv1: conv({ inputs, outputs, size: 3, stride, padding: 1 }),
    bn1: norm(),
    conv2: conv({ inputs: outputs, outputs, size: 3, padding: 1 }),
    bn2: norm(),
  };
  if (stride > 1)
    children.downsample = sequential([conv({ inputs, outputs, size: 1, stride }), norm()]);
  return composed(children, (call, x) => {
    const y = call('bn2', call('conv2', relu(call('bn1', call('conv1', x)))));
    return relu(tf.add(y, stride > 1 ? call('downsample', x) : x));
  });
}
