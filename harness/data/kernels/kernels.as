// Pixel loops of views as WebAssembly with 128-bit vectors. Built by scripts/build_kernels.mjs; every
// function gives the bits of its TypeScript twin in harness/data, which the tests check.

export { horizontal, vertical, weights } from './resample';
export { blendWith, grayscale, lumaSum, saturation, solarize } from './colour';
export { hue } from './hue';
export { blurColumns, blurRows } from './blur';
export { deinterleave, flip, interleave } from './planes';
