import type { OptionsOf } from '../command/option.ts';

/** Options that say which step is timed. */
export const shapeOptions = {
  method: { kind: 'text', value: 'NAME', help: 'which method', default: 'moco' },
  depth: { kind: 'int', help: 'of the ResNet', default: 50, min: 18 },
  size: { kind: 'int', help: 'side of a view, pixels', default: 224, min: 8 },
  batch: { kind: 'int', help: 'images a step', default: 8, min: 1 },
  queue: { kind: 'int', help: 'keys in the queue', default: 65536, min: 1 },
  precision: {
    kind: 'text',
    value: 'P',
    help: 'of layers',
    default: 'fp32',
    choices: ['fp32', 'bf16'],
  },
  threads: { kind: 'int', help: 'threads inside an op; 0: all cores', default: 0, min: 0 },
  inter: { kind: 'int', help: 'ops side by side; 0: TensorFlow chooses', default: 0, min: 0 },
  lanes: { kind: 'int', help: 'parts of the work inside an op; decides bits', default: 2, min: 1 },
  numerics: {
    kind: 'text',
    value: 'N',
    help: 'kernels for this CPU, or for every one with AVX2',
    default: 'native',
    choices: ['native', 'portable'],
  },
  'small-stem': { kind: 'flag', help: '3x3 stem without pool, for images of 32 pixels' },
} as const;

/** Which step is timed, and on how many threads. */
export type Shape = OptionsOf<typeof shapeOptions>;
