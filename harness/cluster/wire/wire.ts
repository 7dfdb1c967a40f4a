import type { Socket } from 'node:net';
import { errorCode } from '../../base/error_code.ts';
import { type Frame, FrameReader, frameHead, MEMBER } from './frames.ts';
import { type Message, messageIn } from './messages.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Why a wire is of no use any more, in words that follow the name of the other side. */
export class Gone extends Error {
  readonly kind: 'closed' | 'silent' | 'garbage';

  constructor(kind: Gone['kind'], why: string) {
    super(why);
    this.kind = kind;
  }
}

export interface Listener {
  message(message: Message, bytes: Bytes): void;
  /** At most once; nothing comes after it. */
  gone(gone: Gone): void;
}

const GARBAGE = new Gone('garbage', 'it sent what is no message of a run');
const NONE: Bytes = new Uint8Array(0);
const PIECE = 1 << 20; // bytes that are handed to the system at a time, so that it never holds a copy of all
const SMALL = 1 << 16; // bytes that go out with their head, in one packet where that is large enough

/** A connection to another process of the run, on which frames travel. */
export class Wire {
  /** Seconds without a byte from the other side, while this process was awake (heartbeat.ts). */
  silence = 0;
  /** Where the other side is, as the system says. */
  readonly remote: string;
  private readonly socket: Socket;
  private readonly reader = new FrameReader();
  private readonly waiting: Frame[] = [];
  private listener: Listener | undefined;
  private goneBy: Gone | undefined;
  private last: Promise<void> = Promise.resolve();
  private sending = 0;

  constructor(socket: Socket) {
    this.socket = socket;
    this.remote = socket.remoteAddress ?? 'an unknown address';
    socket.setNoDelay(true);
    let cause = '';
    socket.on('data', (piece) => this.receive(piece));
    socket.on('error', (error) => {
      cause = ` (${errorCode(error) ?? error.message})`;
    });
    const closed = () =>
      this.break(
        new Gone(
          'closed',
          `its connection was closed${cause}: it ended, was killed or lacked memory`,
        ),
      );
    socket.on('end', closed).on('close', closed);
  }

  /** The other side has proved itself: frames may be large from here on. */
  trust(): void {
    this.reader.limits = MEMBER;
  }

  /** Hears what has come since the last listener, then what comes. */
  listen(listener: Listener | undefined): void {
    this.listener = listener;
    this.hearWaiting();
    if (this.listener === listener && this.goneBy !== undefined) listener?.gone(this.goneBy);
  }

  /** The next message. @throws Gone, also where none comes in time. */
  next(seconds: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      const settle = <T>(done: (value: T) => void, value: T) => {
        clearTimeout(timer);
        this.listen(undefined);
        done(value);
      };
      const timer = setTimeout(
        () => settle(reject, new Gone('silent', 'it does not answer')),
        1000 * seconds,
      );
      this.listen({
        message: (message) => settle(resolve, message),
        gone: (gone) => settle(reject, gone),
      });
    });
  }

  /**
   * Sends after all that was sent before. Done when the system has taken the last byte, which is as fast as the
   * other side reads, or when the connection is gone, which the listener hears of.
   */
  send(message: Message, bytes: Bytes = NONE): Promise<void> {
    this.sending++;
    const before = this.last;
    this.last = (async () => {
      await before;
      await this.write(frameHead(message, bytes.length), bytes);
      this.sending--;
    })();
    return this.last;
  }

  /** A sign of life, where nothing else is on its way. */
  beat(): void {
    if (this.sending === 0) void this.send({ kind: 'beat' });
  }

  /** Closes at once: what was not sent is lost, and no listener hears of it. */
  destroy(): void {
    this.listener = undefined;
    this.socket.destroy();
  }

  private async write(head: Buffer, bytes: Bytes): Promise<void> {
    if (bytes.length <= SMALL) return this.push(Buffer.concat([head, bytes]));
    await this.push(head);
    for (let at = 0; at < bytes.length; at += PIECE)
      await this.push(bytes.subarray(at, at + PIECE));
  }

  private push(piece: Uint8Array): Promise<void> {
    return new Promise((done) => {
      if (this.socket.destroyed) done();
      else this.socket.write(piece, () => done());
    });
  }

  private receive(piece: Uint8Array): void {
    this.silence = 0;
    try {
      for (const frame of this.reader.read(piece)) this.waiting.push(frame);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      this.break(new Gone('garbage', `what it sent cannot be received: ${what}`));
      return;
    }
    this.hearWaiting();
  }

  /** A listener may put another one in its place, and close the wire. */
  private hearWaiting(): void {
    while (this.listener !== undefined && this.goneBy === undefined) {
      const frame = this.waiting.shift();
      if (frame === undefined) return;
      const message = messageIn(frame.text);
      if (message === undefined) this.break(GARBAGE);
      else this.listener.message(message, frame.bytes);
    }
  }

  private break(gone: Gone): void {
    if (this.goneBy !== undefined) return;
    this.goneBy = gone;
    this.socket.destroy();
    this.listener?.gone(gone);
  }
}
