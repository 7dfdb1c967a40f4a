import type { Socket } from 'node:net';
import { z } from 'zod';
import { parseJson } from '../base/index.ts';

const Digits = z.string().regex(/^[0-9a-f]{64}$/);

/** What comes over a roll call's connections, one JSON object a line. */
export const helloSchema = z.strictObject({ rank: z.int(), nonce: Digits });
export const challengeSchema = z.strictObject({ nonce: Digits, proof: Digits });
export const proofSchema = z.strictObject({ proof: Digits });

const roll = z.strictObject({
  kind: z.literal('roll'),
  ranks: z.array(z.int().nonnegative()),
  run: Digits,
});
const refused = z.strictObject({ kind: z.literal('refused'), why: z.string() });

/** Without its proof. */
export type Answer = z.infer<typeof roll> | z.infer<typeof refused>;

export const answerSchema = z.discriminatedUnion('kind', [
  roll.extend({ proof: Digits }),
  refused.extend({ proof: Digits }),
]);

/** A line as a message; undefined for what is none, or where the connection has ended. */
export function read<T extends z.ZodType>(
  schema: T,
  line: string | undefined,
): z.output<T> | undefined {
  try {
    return schema.parse(parseJson(line ?? ''));
  } catch {
    return undefined;
  }
}

/** Bytes of all messages of one side together; who sends more is a program of another kind. */
const MOST_BYTES = 1 << 20;

/** The lines that come, one a call; undefined once the connection is closed. */
export function lines(socket: Socket): () => Promise<string | undefined> {
  const come: string[] = [];
  let rest = '';
  let heard = () => {};
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    come.push(...parts);
    if (socket.bytesRead > MOST_BYTES) socket.destroy();
    heard();
  });
  socket.on('close', () => heard());
  return async () => {
    while (come.length === 0 && !socket.destroyed)
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    return come.shift();
  };
}

/** Sends a message as a line. */
export function send(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
