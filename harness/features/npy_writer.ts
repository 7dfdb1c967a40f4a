import { createHash, type Hash } from 'node:crypto';
import { AtomicFile, type Sha256 } from '../base/index.ts';
import { encodeNpyHeader, type NpyType, npyBytes, npyLength } from './npy_header.ts';

/**
 * Writes an array of NumPy's piece by piece, the bytes of `numpy.save`, whatever its size. The file
 * appears under its name when it is whole. End it by `finish` or by `abandon`.
 * @example
 * const writer = await NpyWriter.open('feat5.npy', 'float32', [5011, 8192]);
 * for (const rows of batches) await writer.append(rows);
 * const sha256 = await writer.finish();
 */
export class NpyWriter {
  private readonly file: AtomicFile;
  private readonly hash: Hash = createHash('sha256');
  private readonly path: string;
  private left: number;

  private constructor(path: string, file: AtomicFile, bytes: number) {
    this.path = path;
    this.file = file;
    this.left = bytes;
  }

  /** @throws UserError where the place cannot be written, or the disk is full. */
  static async open(path: string, dtype: NpyType, shape: readonly number[]): Promise<NpyWriter> {
    const file = await AtomicFile.open(path);
    const writer = new NpyWriter(path, file, npyLength(shape) * npyBytes(dtype));
    await writer.write(encodeNpyHeader(dtype, shape));
    return writer;
  }

  /** The next elements, last index fastest. Throws as `open`; what was written is removed then. */
  async append(values: ArrayBufferView): Promise<void> {
    this.left -= values.byteLength;
    if (this.left < 0) throw new Error(`${this.path}: more elements than its shape has`);
    await this.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** @returns SHA-256 of the file's bytes. Throws as `open`. */
  async finish(): Promise<Sha256> {
    if (this.left !== 0) throw new Error(`${this.path}: ${this.left} bytes are missing`);
    await this.file.commit();
    return this.hash.digest('hex') as Sha256;
  }

  /** Removes what was written; a file of that name stays as it was. */
  abandon(): Promise<void> {
    return this.file.abandon();
  }

  private async write(bytes: Uint8Array): Promise<void> {
    this.hash.update(bytes);
    await this.file.append(bytes);
  }
}
