import { canonicalJson } from '../../base/canonical.ts';
import type { Place } from '../place.ts';
import { newNonce, proofOf, sameProof } from '../secret.ts';
import { type Hello, type Message, PROTOCOL } from './messages.ts';
import { Gone, type Wire } from './wire.ts';

/** For a whole exchange of proofs, at most; who takes longer is a program of another kind. */
export function handshakeSeconds({ timeoutSeconds }: Pick<Place, 'timeoutSeconds'>): number {
  return Math.min(10, timeoutSeconds);
}

/** The other side speaks as a process of a run, and has another secret. */
export class SecretsDiffer extends Error {
  /** As which the other side came, or which it plays. */
  readonly rank: number;

  constructor(rank: number) {
    super('the secrets differ');
    this.rank = rank;
  }
}

/**
 * Rank 0's side: lets in who proves that it knows the secret, and proves that itself first. The secret never
 * travels: each side shows an HMAC of both sides' numbers, which are used once, so that nothing that was overheard
 * can be shown again, nor a proof be sent back to its maker.
 * @throws SecretsDiffer | Gone, after which the wire is of no use
 */
export async function letIn(wire: Wire, place: Place): Promise<Hello> {
  const { secret } = place;
  const seconds = handshakeSeconds(place);
  const hello = await expected(wire, seconds, 'hello');
  const nonce = newNonce();
  const seen = [canonicalJson(hello), nonce];
  void wire.send({ kind: 'challenge', nonce, proof: proofOf(secret, ['rank 0', ...seen]) });
  const answer = await expected(wire, seconds, 'proof', 'stranger');
  const known =
    answer.kind === 'proof' && sameProof(answer.proof, proofOf(secret, ['guest', ...seen]));
  if (!known) throw new SecretsDiffer(hello.rank);
  wire.trust();
  return hello;
}

/**
 * The side of every other rank: the same, the other way round. It proves nothing to who has not proved itself.
 * @throws SecretsDiffer | Gone, after which the wire is of no use
 */
export async function introduce(
  wire: Wire,
  place: Place,
  trouble: string | undefined,
): Promise<void> {
  const { rank, servers, timeoutSeconds, secret } = place;
  const hello: Hello = {
    kind: 'hello',
    protocol: PROTOCOL,
    nonce: newNonce(),
    rank,
    servers,
    timeoutSeconds,
    ...(trouble === undefined ? {} : { trouble }),
  };
  void wire.send(hello);
  const challenge = await expected(wire, handshakeSeconds(place), 'challenge');
  const seen = [canonicalJson(hello), challenge.nonce];
  if (!sameProof(challenge.proof, proofOf(secret, ['rank 0', ...seen]))) {
    await wire.send({ kind: 'stranger' });
    throw new SecretsDiffer(0);
  }
  void wire.send({ kind: 'proof', proof: proofOf(secret, ['guest', ...seen]) });
  wire.trust();
}

async function expected<K extends Message['kind']>(
  wire: Wire,
  seconds: number,
  ...kinds: readonly K[]
): Promise<Extract<Message, { kind: K }>> {
  const message = await wire.next(seconds);
  const isKind = (one: Message): one is Extract<Message, { kind: K }> =>
    (kinds as readonly string[]).includes(one.kind);
  if (isKind(message)) return message;
  throw new Gone('garbage', `it sent "${message.kind}" out of turn`);
}
