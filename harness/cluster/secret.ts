import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const BYTES = 32;

/**
 * A new secret for the processes of one run: 256 random bits as hexadecimal digits. It decides who is let in and
 * reaches no result, so that it may come from the system and not from the seed.
 */
export function newSecret(): string {
  return randomBytes(BYTES).toString('hex');
}

/** A number that is used once, so that no proof can be shown again. */
export function newNonce(): string {
  return randomBytes(BYTES).toString('hex');
}

/** HMAC-SHA-256 of what both sides have seen, by the secret: shows that one knows it without telling it. */
export function proofOf(secret: string, seen: readonly string[]): string {
  return createHmac('sha256', secret).update(JSON.stringify(seen)).digest('hex');
}

/** Compares in a time that does not tell how many digits are right. */
export function sameProof(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.length === second.length && timingSafeEqual(first, second);
}
