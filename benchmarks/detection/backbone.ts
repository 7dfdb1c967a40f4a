import { relu } from '../../harness/engine/ops/activation.ts';
import { maxPool } from '../../harness/engine/ops/pooling.ts';
import { tf } from '../../harness/engine/tf.ts';
import { stateless } from '../../harness/nn/layers.ts';
import { composed, type Module, scoped, sequential } from '../../harness/nn/module.ts';
import { convNorm, type NormKind, normOf } from './layers.ts';

export interface BackboneSpec {
  readonly depth: 50 | 101;
  /** Channels of the stem: 64. */
  readonly stem: number;
  /** Channels of res2: 256; each stage has twice those of the one before. */
  readonly res2: number;
  /** Channels between the 1x1 convolutions of res2's blocks: 64. */
  readonly inner: number;
  /** Which convolution of a stage's first block has the stride. */
  readonly strideIn: '1x1' | '3x3';
  readonly norm: NormKind;
}

const BLOCKS = { 50: [3, 4, 6, 3], 101: [3, 4, 23, 3] } as const;
const POOL = { size: 3, stride: 2, padding: 1 } as const;

/** Channels of res4, on which everything looks for objects. */
export function res4Channels({ res2 }: BackboneSpec): number {
  return 4 * res2;
}

/** Channels of a pooled region behind res5. */
export function res5Channels({ res2 }: BackboneSpec): number {
  return 8 * res2;
}

/**
 * A ResNet up to its third stage, He et al. 2016, arXiv:1512.03385, under detectron2's names
 * (docs/reference/detection.md, section 5): images [N, H, W, 3] → [N, H / 16, W / 16, C].
 */
export function backbone(spec: BackboneSpec): Module {
  const stem = { inputs: 3, outputs: spec.stem, size: 7, stride: 2, padding: 3 };
  const children = {
    'stem.conv1': convNorm(stem, spec.norm),
    res2: stage(spec, 0),
    res3: stage(spec, 1),
    res4: stage(spec, 2),
  };
  return composed(children, (call, x) => {
    const first = maxPool(relu(call('stem.conv1', x)), POOL);
    return call('res4', call('res3', call('res2', first)));
  });
}

/** The fourth stage, on pooled regions, and one more norm: OpenSelfSup's head. No ReLU after that. */
export function res5(spec: BackboneSpec, extraNorm: boolean): Module {
  const blocks = stage(spec, 3);
  if (!extraNorm) return blocks;
  const norm = normOf(res5Channels(spec), spec.norm);
  const under = <T>(entries: ReadonlyMap<string, T>) =>
    [...entries].map(([name, value]) => [`norm.${name}`, value] as const);
  return {
    parameters: new Map([...blocks.parameters, ...under(norm.parameters)]),
    buffers: new Map([...blocks.buffers, ...under(norm.buffers)]),
    apply: (params, x, context) => {
      const y = blocks.apply(params, x, context);
      return norm.apply(scoped(params, 'norm.'), y, context.scope('norm.'));
    },
  };
}

/** Stage `s` from 0, which is res2. */
function stage(spec: BackboneSpec, s: number): Module {
  const outputs = spec.res2 * 2 ** s;
  const before = s === 0 ? spec.stem : outputs / 2;
  const blocks = Array.from({ length: BLOCKS[spec.depth][s] ?? 0 }, (_, i) =>
    bottleneck(spec, {
      inputs: i === 0 ? before : outputs,
      inner: spec.inner * 2 ** s,
      outputs,
      stride: i === 0 && s > 0 ? 2 : 1,
    }),
  );
  return sequential(blocks);
}

interface Block {
  readonly inputs: number;
  readonly inner: number;
  readonly outputs: number;
  readonly stride: number;
}

/** 1x1 - norm - ReLU - 3x3 - norm - ReLU - 1x1 - norm, plus a shortcut, ReLU. */
function bottleneck({ strideIn, norm }: BackboneSpec, block: Block): Module {
  const { inputs, inner, outputs, stride } = block;
  const [first, second] = strideIn === '1x1' ? [stride, 1] : [1, stride];
  const shortcut = { inputs, outputs, size: 1, stride };
  const children = {
    shortcut: inputs === outputs ? stateless((x) => x) : convNorm(shortcut, norm),
    conv1: convNorm({ inputs, outputs: inner, size: 1, stride: first }, norm),
    conv2: convNorm({ inputs: inner, outputs: inner, size: 3, stride: second, padding: 1 }, norm),
    conv3: convNorm({ inputs: inner, outputs, size: 1 }, norm),
  };
  return composed(children, (call, x) => {
    const y = relu(call('conv2', relu(call('conv1', x))));
    return relu(tf.add(call('conv3', y), call('shortcut', x)));
  });
}
