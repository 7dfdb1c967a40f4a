import { inFile, type MutationSet } from './mutation.ts';

/** A run that begins with a file of PyTorch: query and key encoder, four precisions, turned and spread tensors. */
export const weights: MutationSet = {
  experiment: 'moco',
  set: [
    ...['epochs=1', 'data.train.count=64', 'backbone.width=0.015625', 'backbone.stem=imagenet'],
    ...['method.neck.hidden=16', 'method.queue=64', 'evaluation.train.count=32'],
    ...['evaluation.test.count=32', 'evaluation.batch=32', 'evaluation.knn.k=5'],
    'evaluation.linear.epochs=1',
  ],
  pretrained: 'golden/mutations/pretrained.pth',
  mutations: [
    ...inFile('harness/weights/layouts.ts', [
      [
        'the key encoder chosen',
        "take: 'encoder_q.', beside: ['encoder_k.']",
        "take: 'encoder_k.', beside: ['encoder_q.']",
      ],
    ]),
    ...inFile('harness/weights/widen.ts', [
      ['halves widened to half their value', '(exponent + 112) << 23', '(exponent + 111) << 23'],
      ['the smallest halves widened wrong', '((113 - shift) << 23)', '((112 - shift) << 23)'],
      [
        'bfloat16 without their last bit',
        'Number(data[i]) << 16',
        '(Number(data[i]) & 0xfffe) << 16',
      ],
      [
        'halves without their last bits',
        '((exponent + 112) << 23) | (fraction << 13)',
        '((exponent + 112) << 23) | ((fraction & 0x3f0) << 13)',
      ],
      [
        'doubles cut, not rounded',
        'Float32Array.from(data, Number)',
        'Float32Array.from(data, (value) => Math.trunc(Number(value) * 65536) / 65536)',
      ],
    ]),
    ...inFile('harness/weights/torch/tensors.ts', [
      [
        'strides ignored',
        'if (size !== 1 && strides[axis] !== expected) return false;',
        'if (size < 0) return false;',
      ],
      ['offset ignored', 'let at = offset;', 'let at = 0;'],
    ]),
    ...inFile('harness/step/initial_weights.ts', [
      [
        'a key skipped silently',
        'if (spec === undefined || value === undefined) continue;',
        "if (spec === undefined || value === undefined || own.endsWith('layer3.0.bn2.bias')) continue;",
      ],
      [
        'running statistics skipped',
        'if (spec === undefined || value === undefined) continue;',
        "if (spec === undefined || value === undefined || spec.role === 'statistic') continue;",
      ],
      [
        'the key network not begun as a copy',
        'const everywhere = [name, ...followers];',
        'const everywhere = [name, ...followers.slice(1)];',
      ],
    ]),
  ],
};
