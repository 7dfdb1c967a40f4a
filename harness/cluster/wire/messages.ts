import { z } from 'zod';

/** Another number: processes of two versions of this code do not talk to each other. */
export const PROTOCOL = 1;

const Nonce = z.string().regex(/^[0-9a-f]{64}$/);
const Rank = z.int().nonnegative();

const Hello = z.strictObject({
  kind: z.literal('hello'),
  protocol: z.literal(PROTOCOL),
  nonce: Nonce,
  rank: Rank,
  servers: z.array(z.string()).readonly(),
  timeoutSeconds: z.number(),
  /** Why this process cannot take part; it comes to say so to all. */
  trouble: z.string().optional(),
});
/** What a process says of itself when it comes to rank 0. */
export type Hello = z.infer<typeof Hello>;

const Lost = z.strictObject({
  kind: z.literal('lost'),
  rank: Rank,
  address: z.string(),
  why: z.string(),
});

const Message = z.discriminatedUnion('kind', [
  // To be let in (handshake.ts), in this order.
  Hello,
  z.strictObject({ kind: z.literal('challenge'), nonce: Nonce, proof: z.string() }),
  z.strictObject({ kind: z.literal('proof'), proof: z.string() }),
  z.strictObject({ kind: z.literal('stranger') }), // instead of a proof: yours was wrong
  z.strictObject({ kind: z.literal('welcome') }), // wait for the others
  z.strictObject({ kind: z.literal('refused'), message: z.string() }),
  z.strictObject({ kind: z.literal('ready') }), // all are there
  // Afterwards.
  z.strictObject({ kind: z.literal('beat') }), // a sign of life, nothing else
  z.strictObject({ kind: z.literal('give'), what: z.string() }), // with bytes, to rank 0
  z.strictObject({ kind: z.literal('part'), from: Rank }), // with bytes, from rank 0
  z.strictObject({ kind: z.literal('differ'), message: z.string() }), // instead of parts
  z.strictObject({ kind: z.literal('stop') }), // to rank 0
  z.strictObject({ kind: z.literal('fail'), message: z.string() }), // to rank 0
  Lost, // from rank 0
  z.strictObject({ kind: z.literal('end'), code: z.int() }), // from rank 0
  z.strictObject({ kind: z.literal('heard') }), // the answer to fail, lost and end
]);
/** What processes of a run send each other. */
export type Message = z.infer<typeof Message>;

/** Undefined where the text is no message. */
export function messageIn(text: string): Message | undefined {
  try {
    return Message.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
