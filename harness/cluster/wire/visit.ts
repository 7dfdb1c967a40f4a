import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../../base/clock.ts';
import { errorCode } from '../../base/error_code.ts';
import { UserError } from '../../base/errors.ts';
import type { Place } from '../place.ts';
import { dial } from './dial.ts';
import { introduce, SecretsDiffer } from './handshake.ts';
import { keepAlive, type Watch } from './heartbeat.ts';
import { PATIENCE_SECONDS } from './ports.ts';
import { notThere, otherProgram, secretsDiffer, unreachable, wentAway } from './reasons.ts';
import { Gone, Wire } from './wire.ts';

const AGAIN = 100; // milliseconds between two attempts
const ATTEMPT = 5; // seconds for one of them: a network that drops packets answers nothing
/** Not to be mended by waiting, after some patience. */
const HOPELESS = ['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'];

/**
 * Every other rank's way in: comes to the meeting, again and again while rank 0 is not there yet, and waits there
 * until all are.
 * @param trouble why this process cannot take part; it comes to say so to all
 * @throws UserError with the cause that rank 0 tells all, or why it cannot be asked
 */
export async function visit(
  place: Place,
  trouble: string | undefined,
  signal: AbortSignal,
): Promise<Wire> {
  const began = clock.seconds();
  // Its own trouble it can say soon: rank 0 may have ended by the same.
  const patience = trouble === undefined ? place.timeoutSeconds : PATIENCE_SECONDS;
  for (;;) {
    if (signal.aborted) throw new UserError(String(signal.reason));
    const waited = clock.seconds() - began;
    const left = Math.min(patience, place.timeoutSeconds) - waited;
    const wire = await attempt(place, trouble, Math.min(ATTEMPT, Math.max(left, 0.1)));
    if (wire instanceof Wire) return awaitOthers(place, wire, signal);
    const hopeless = HOPELESS.includes(wire.why);
    if (left <= 0 || (hopeless && waited >= PATIENCE_SECONDS))
      throw new UserError(trouble ?? (hopeless ? unreachable : notThere)(place, wire.why));
    await sleep(AGAIN, undefined, { signal }).catch(() => {});
  }
}

/** @returns a connection to rank 0 that both sides trust, or why there is none yet */
async function attempt(
  place: Place,
  trouble: string | undefined,
  seconds: number,
): Promise<Wire | { readonly why: string }> {
  let wire: Wire;
  try {
    wire = new Wire(await dial(place.meeting, 'the meeting', seconds));
  } catch (cause) {
    return { why: errorCode(cause) ?? (cause as Error).message };
  }
  try {
    await introduce(wire, place, trouble);
    return wire;
  } catch (cause) {
    wire.destroy();
    if (cause instanceof SecretsDiffer) throw new UserError(secretsDiffer(place, place.rank));
    if (!(cause instanceof Gone)) throw cause;
    // A tunnel takes connections and closes them while nobody listens at its other end.
    if (cause.kind === 'closed') return { why: 'it closes connections' };
    throw new UserError(otherProgram(place, cause.message));
  }
}

async function awaitOthers(place: Place, wire: Wire, signal: AbortSignal): Promise<Wire> {
  let watch: Watch | undefined;
  const stop = () => void wire.send({ kind: 'fail', message: String(signal.reason) });
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    await new Promise<void>((resolve, reject) => {
      const lost = () => reject(new UserError(wentAway(place)));
      watch = keepAlive(() => [wire], place.timeoutSeconds, lost);
      wire.listen({
        message: (message) => {
          if (message.kind === 'refused') reject(new UserError(message.message));
          if (message.kind !== 'ready') return;
          wire.listen(undefined);
          resolve();
        },
        gone: lost,
      });
    });
    return wire;
  } catch (cause) {
    wire.destroy();
    throw cause;
  } finally {
    watch?.stop();
    signal.removeEventListener('abort', stop);
  }
}
