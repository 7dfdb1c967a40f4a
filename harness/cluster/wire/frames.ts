import type { Message } from './messages.ts';

/** What one side sends at once: a message as JSON text, and bytes that belong to it. */
export interface Frame {
  readonly text: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How large a frame may be. Who has not proved anything yet gets little memory. */
export interface FrameLimits {
  readonly text: number;
  readonly bytes: number;
}

/** Enough for the addresses of thousands of processes. */
export const STRANGER: FrameLimits = { text: 1 << 18, bytes: 0 };
/** Node's largest `Uint8Array` on every release that we run on. */
export const MEMBER: FrameLimits = { text: 1 << 20, bytes: 2 ** 32 - 1 };

const PREFIX = 12; // length of the text as uint32, of the bytes as float64, big-endian

/** The beginning of a frame: lengths and text. The bytes follow as they are. */
export function frameHead(message: Message, bytes: number): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(text.length, 0);
  prefix.writeDoubleBE(bytes, 4);
  return Buffer.concat([prefix, text]);
}

/**
 * Frames out of pieces as a connection brings them, however it cuts them. Bytes are written at once to where they
 * stay: 200 MB take 200 MB.
 */
export class FrameReader {
  limits: FrameLimits = STRANGER;
  private readonly prefix = Buffer.alloc(PREFIX);
  private text: Buffer | undefined;
  private bytes: Uint8Array<ArrayBuffer> | undefined;
  private filled = 0;

  /** @throws RangeError where a frame is larger than the limits: what comes is none, or from no friend. */
  *read(piece: Uint8Array): Generator<Frame> {
    for (let rest = piece; ; ) {
      const target = this.target();
      const taken = rest.subarray(0, target.length - this.filled);
      target.set(taken, this.filled);
      this.filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.filled < target.length) return;
      this.filled = 0;
      const frame = this.turn();
      if (frame !== undefined) yield frame;
    }
  }

  private target(): Uint8Array {
    return this.bytes ?? this.text ?? this.prefix;
  }

  /** One of prefix, text and bytes is full: the next is begun, or the frame is whole. */
  private turn(): Frame | undefined {
    if (this.text === undefined) {
      this.text = Buffer.alloc(within(this.prefix.readUInt32BE(0), this.limits.text));
      return undefined;
    }
    if (this.bytes === undefined) {
      this.bytes = new Uint8Array(within(this.prefix.readDoubleBE(4), this.limits.bytes));
      if (this.bytes.length > 0) return undefined;
    }
    const frame = { text: this.text.toString('utf8'), bytes: this.bytes };
    this.text = undefined;
    this.bytes = undefined;
    return frame;
  }
}

function within(length: number, limit: number): number {
  if (Number.isInteger(length) && length >= 0 && length <= limit) return length;
  throw new RangeError(`a frame of ${length} bytes, at most ${limit} are allowed`);
}
