import { readFileSync } from 'node:fs';

/** What Node has and its types lack. */
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** The exports of `products.wasm`; addresses are bytes of its memory. */
interface Exports {
  products(
    rows: number,
    width: number,
    query: number,
    places: number,
    count: number,
    to: number,
  ): void;
}

const PAGE = 2 ** 16;
const AHEAD = 4; // rows that the kernel takes at a time

/** Rows of whole numbers in memory of their own, and their products with one row. */
export class ProductKernel {
  private readonly exports: Exports;
  private readonly width: number;
  /** Numbers of a row as it lies there: filled up with zeros. */
  private readonly pitch: number;
  private readonly rows: Int32Array;
  private readonly query: Float64Array;
  private readonly places: Int32Array;
  private readonly found: Float64Array;

  /** @param most rows that are compared by one call */
  constructor(count: number, width: number, most: number) {
    this.width = width;
    this.pitch = Math.ceil(width / 4) * 4;
    const sizes = [this.pitch * 8, (most + AHEAD) * 8, (most + AHEAD) * 4, count * this.pitch * 4];
    const bytes = sizes.reduce((sum, size) => sum + size, PAGE);
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
    const [query = 0, found = 0, places = 0] = sizes;
    const { buffer } = memory;
    this.query = new Float64Array(buffer, PAGE, this.pitch);
    this.found = new Float64Array(buffer, PAGE + query, most + AHEAD);
    this.places = new Int32Array(buffer, PAGE + query + found, most + AHEAD);
    this.rows = new Int32Array(buffer, PAGE + query + found + places, count * this.pitch);
    const bytesOf = readFileSync(new URL('./products.wasm', import.meta.url));
    const module = new WebAssembly.Module(bytesOf);
    this.exports = new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
  }

  /** Puts rows, int32 [., width], at a place and after it. */
  set(part: Int32Array, place: number): void {
    const { width, pitch } = this;
    if (pitch === width) this.rows.set(part, place * width);
    else
      for (let row = 0; row < part.length / width; row++)
        this.rows.set(part.subarray(row * width, (row + 1) * width), (place + row) * pitch);
  }

  /**
   * Products of a row with those at some places.
   * @returns float64 [places], until the next call
   */
  products(query: Int32Array, places: Int32Array, first: number): Float64Array {
    this.query.set(query);
    for (let i = 0; i < places.length; i++) this.places[i] = (places[i] ?? 0) - first;
    this.exports.products(
      this.rows.byteOffset,
      this.pitch,
      this.query.byteOffset,
      this.places.byteOffset,
      places.length,
      this.found.byteOffset,
    );
    return this.found.subarray(0, places.length);
  }
}
