import { readFileSync } from 'node:fs';

/** The exports of `pixels.wasm`; addresses and lengths are bytes of its memory. */
export interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  weights(input: number, output: number, bicubic: number, stride: number, at: number): number;
  horizontal(
    from: number,
    pitch: number,
    rows: number,
    to: number,
    plane: number,
    width: number,
    weights: number,
    stride: number,
    pairs: number,
  ): void;
  vertical(
    from: number,
    to: number,
    width: number,
    height: number,
    weights: number,
    stride: number,
  ): void;
  lumaSum(at: number, plane: number, count: number): number;
  grayscale(at: number, plane: number, count: number): void;
  blendWith(at: number, count: number, value: number, factor: number): void;
  saturation(at: number, plane: number, count: number, factor: number): void;
  solarize(at: number, count: number, threshold: number): void;
  hue(at: number, plane: number, count: number, turn: number): void;
  blurRows: BlurKernel;
  blurColumns: BlurKernel;
  interleave(at: number, plane: number, count: number, to: number): void;
  deinterleave(
    from: number,
    pitch: number,
    rows: number,
    width: number,
    to: number,
    toPitch: number,
    plane: number,
  ): void;
  flip(from: number, to: number, width: number, height: number): void;
}

type BlurKernel = (
  from: number,
  to: number,
  width: number,
  height: number,
  radius: number,
  inner: number,
  far: number,
  room: number,
) => void;

/** What Node has and its types lack. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** An instance with memory of its own. */
export function loadKernels(): Kernels {
  const bytes = readFileSync(new URL('./pixels.wasm', import.meta.url));
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Kernels;
}
