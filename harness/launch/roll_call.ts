import { createServer, type Server, type Socket } from 'node:net';
import { canonicalJson, errorCode, UserError } from '../base/index.ts';
import { parseAddress } from '../cluster/address.ts';
import type { Place } from '../cluster/place.ts';
import { newNonce, proofOf, sameProof } from '../cluster/secret.ts';
import { type Answer, helloSchema, lines, proofSchema, read, send } from './roll_messages.ts';

/** What a launcher brings to a roll call. */
export interface RollSetup {
  /** As it was given: all processes there are to be. */
  readonly place: Place;
  readonly stop: AbortSignal;
}

/** Who goes on, by rank in the list of servers, and what makes their secret. */
export interface Roll {
  readonly ranks: readonly number[];
  readonly secret: string;
}

interface Guest {
  readonly rank: number;
  readonly socket: Socket;
  readonly nonce: string;
}

/**
 * Rank 0's side: waits until the launchers of all hosts have come, at most as long as a process may be silent, and
 * tells them who goes on. What a stranger sends is passed over.
 * @param choose of those present, ascending, who goes on; what it throws all are told
 * @throws UserError, or the reason of `stop`
 */
export async function callRoll(
  { place, stop }: RollSetup,
  choose: (present: readonly number[]) => readonly number[],
): Promise<Roll> {
  const { servers, secret, timeoutSeconds, meeting } = place;
  stop.throwIfAborted();
  const guests = new Map<number, Guest>();
  const strangers = new Set<Socket>();
  const server = await listening(meeting);
  try {
    await until(stop, timeoutSeconds, (done) => {
      server.on('connection', async (socket) => {
        strangers.add(socket);
        socket.on('error', () => {}); // its end is heard
        const guest = await welcome(socket, place);
        if (guest === undefined) return socket.destroy();
        strangers.delete(socket);
        const { rank } = guest;
        guests.get(rank)?.socket.destroy(); // it was started again
        guests.set(rank, guest);
        socket.once('close', () => {
          if (guests.get(rank) === guest) guests.delete(rank);
        });
        if (guests.size === servers.length - 1) done();
      });
    });
    const present = [0, ...[...guests.keys()].sort((a, b) => a - b)];
    const run = newNonce();
    const ranks = await decided(() => choose(present), guests, secret, run);
    return { ranks, secret: proofOf(secret, ['run', run]) };
  } finally {
    for (const socket of strangers) socket.destroy();
    for (const { socket } of guests.values()) socket.destroySoon();
    server.close();
  }
}

/** Tells all what is decided, also that there can be no run. */
async function decided(
  choose: () => readonly number[],
  guests: ReadonlyMap<number, Guest>,
  secret: string,
  run: string,
): Promise<readonly number[]> {
  const tellAll = (answer: Answer) =>
    Promise.all([...guests.values()].map((guest) => tell(guest, answer, secret)));
  try {
    const ranks = [...choose()];
    await tellAll({ kind: 'roll', ranks, run });
    return ranks;
  } catch (error) {
    await tellAll({ kind: 'refused', why: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

/** Lets in who proves to know the secret, once that is proved from here. */
async function welcome(socket: Socket, { servers, secret }: Place): Promise<Guest | undefined> {
  const next = lines(socket);
  const hello = read(helloSchema, await next());
  if (hello === undefined || hello.rank < 1 || hello.rank >= servers.length) return undefined;
  const nonce = newNonce();
  const seen = [String(hello.rank), hello.nonce, nonce];
  send(socket, { nonce, proof: proofOf(secret, ['roll', ...seen]) });
  const answer = read(proofSchema, await next());
  if (answer === undefined || !sameProof(answer.proof, proofOf(secret, ['here', ...seen])))
    return undefined;
  return { rank: hello.rank, socket, nonce: hello.nonce };
}

function tell({ socket, nonce }: Guest, answer: Answer, secret: string): Promise<void> {
  const proof = proofOf(secret, [nonce, canonicalJson(answer)]);
  return new Promise((done) => {
    socket.once('close', () => done());
    socket.write(`${JSON.stringify({ ...answer, proof })}\n`, () => done());
  });
}

function listening(meeting: string): Promise<Server> {
  const { port } = parseAddress(meeting, 'the meeting');
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const used = errorCode(error) === 'EADDRINUSE';
      const why = used ? 'is in use by another program' : `cannot be had (${error.message})`;
      reject(
        new UserError(
          `rank 0 cannot listen at the meeting, ${meeting}: it ${why}; choose another --port`,
        ),
      );
    });
    server.listen(port, () => resolve(server));
  });
}

/** Waits for a call of `done`, or so many seconds. @throws the reason of `stop` */
function until(
  stop: AbortSignal,
  seconds: number,
  body: (done: () => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(resolve), seconds * 1000);
    const abort = () => end(() => reject(stop.reason));
    const end = (settle: () => void) => {
      clearTimeout(timer);
      stop.removeEventListener('abort', abort);
      settle();
    };
    stop.addEventListener('abort', abort);
    body(() => end(resolve));
  });
}
