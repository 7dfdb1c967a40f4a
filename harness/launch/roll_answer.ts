import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson, clock, UserError } from '../base/index.ts';
import { parseAddress } from '../cluster/address.ts';
import type { Place } from '../cluster/place.ts';
import { newNonce, proofOf, sameProof } from '../cluster/secret.ts';
import type { Roll, RollSetup } from './roll_call.ts';
import { answerSchema, challengeSchema, lines, read, send } from './roll_messages.ts';

const AGAIN_MS = 250;
const CONNECT_MS = 5000;
/** For rank 0 to end its own process, beside the time in which a loss is noticed and that of the roll call. */
const SPARE_SECONDS = 30;

/**
 * Comes to the roll call of rank 0's launcher, which may not have begun: until its process has ended, that has the
 * address.
 * @throws UserError, or the reason of `stop`
 */
export async function answerRoll({ place, stop }: RollSetup): Promise<Roll> {
  const { meeting, timeoutSeconds } = place;
  const patience = 2 * timeoutSeconds + SPARE_SECONDS;
  const end = clock.seconds() + patience;
  for (;;) {
    const found = await attempt(place, stop, end - clock.seconds());
    stop.throwIfAborted();
    if (typeof found !== 'string') return found;
    if (clock.seconds() > end)
      throw new UserError(
        `the launcher of rank 0 does not answer at ${meeting} within ${patience} s (${found}); start it there, or begin again on other hosts with --resume_from auto`,
      );
    await sleep(AGAIN_MS);
  }
}

/** @returns why there is no answer, where another attempt may get one */
async function attempt(place: Place, stop: AbortSignal, seconds: number): Promise<Roll | string> {
  const { host, port } = parseAddress(place.meeting, 'the meeting');
  const socket = await connected(host, port);
  if (typeof socket === 'string') return socket;
  const end = () => socket.destroy();
  const timer = setTimeout(end, Math.max(seconds, 1) * 1000);
  stop.addEventListener('abort', end);
  socket.on('error', () => {}); // its end is heard
  try {
    return await converse(socket, place);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
    socket.destroy();
  }
}

async function converse(socket: Socket, place: Place): Promise<Roll | string> {
  const { rank, secret, meeting } = place;
  const next = lines(socket);
  const nonce = newNonce();
  send(socket, { rank, nonce });
  const challenge = read(challengeSchema, await next());
  if (challenge === undefined) return 'what answers is no launcher';
  const seen = [String(rank), nonce, challenge.nonce];
  if (!sameProof(challenge.proof, proofOf(secret, ['roll', ...seen])))
    throw new UserError(
      `${meeting} is the launcher of another run, or has another secret; give all processes the same --hosts and REPRISE_SECRET`,
    );
  send(socket, { proof: proofOf(secret, ['here', ...seen]) });
  const answer = read(answerSchema, await next());
  if (answer === undefined) return 'it has ended while others were awaited';
  const { proof, ...said } = answer;
  if (!sameProof(proof, proofOf(secret, [nonce, canonicalJson(said)])))
    return 'its answer is not its own';
  if (answer.kind === 'refused') throw new UserError(answer.why);
  return { ranks: answer.ranks, secret: proofOf(secret, ['run', answer.run]) };
}

/** @returns what went wrong, as words */
function connected(host: string, port: number): Promise<Socket | string> {
  const socket = connect({ host, port, timeout: CONNECT_MS });
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.once('timeout', () => {
      socket.destroy();
      resolve('no answer');
    });
    socket.once('error', ({ message }) => resolve(message));
  });
}
