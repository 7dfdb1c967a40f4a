import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader, frameHead, MEMBER } from './frames.ts';
import { messageIn } from './messages.ts';

const frame = fc.record({ what: fc.string(), bytes: fc.uint8Array({ maxLength: 300 }) });

describe('frames', () => {
  it('come out as they were sent, however the network cuts them', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 97 })), (sent, cuts) => {
        const stream = Buffer.concat(
          sent.flatMap(({ what, bytes }) => [
            frameHead({ kind: 'give', what }, bytes.length),
            bytes,
          ]),
        );
        const reader = new FrameReader();
        reader.limits = MEMBER;
        const received: Frame[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length] ?? 1000;
          received.push(...reader.read(stream.subarray(at, at + length)));
          at += length;
        }
        expect(received.map(({ text, bytes }) => [messageIn(text), [...bytes]])).toEqual(
          sent.map(({ what, bytes }) => [{ kind: 'give', what }, [...bytes]]),
        );
      }),
    );
  });

  it('of a stranger get no memory: neither long text nor any bytes', () => {
    const read = (text: number, bytes: number) => {
      const prefix = Buffer.alloc(12);
      prefix.writeUInt32BE(text, 0);
      prefix.writeDoubleBE(bytes, 4);
      return () => [...new FrameReader().read(Buffer.concat([prefix, Buffer.alloc(text % 1000)]))];
    };
    expect(read(1 << 20, 0)).toThrow('at most 262144');
    for (const bytes of [1, 2 ** 40, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(read(2, bytes)).toThrow('at most 0');
  });

  it('whose text is no message are known as such', () => {
    for (const text of [
      '',
      '{',
      '1',
      '{"kind":"give"}',
      '{"kind":"stop","more":1}',
      '{"kind":"x"}',
    ])
      expect(messageIn(text)).toBeUndefined();
    expect(messageIn('{"kind":"stop"}')).toEqual({ kind: 'stop' });
  });
});
