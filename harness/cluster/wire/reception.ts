import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../base/errors.ts';
import type { Place } from '../place.ts';
import { handshakeSeconds, letIn, SecretsDiffer } from './handshake.ts';
import { keepAlive, silentFor } from './heartbeat.ts';
import type { Hello } from './messages.ts';
import { listenAtMeeting } from './ports.ts';
import { leftEarly, missing, objection, secretsDiffer } from './reasons.ts';
import { Gone, Wire } from './wire.ts';

const UNPROVEN = 64; // connections that have not proved anything yet; more than a run's processes retry
const LINGER = 5; // seconds in which processes that come late are told why there is no run
const FLUSH = 1; // seconds for those that are there to hear it

/**
 * Rank 0's door: lets in the others, and tells every one of them the same cause where they cannot come together. Who
 * does not know the secret learns nothing and holds up nobody; only who speaks as a process of a run, with another
 * secret, ends the attempt while it lasts, since waiting would end in a worse message. Afterwards the port
 * stays taken, and whoever comes is sent away.
 */
export class Reception {
  private readonly place: Place;
  private readonly server: Server;
  private readonly notice: (message: string) => void;
  private readonly seats = new Map<number, Wire>();
  /** How many processes know why there is no run, or are gone. */
  private told = 0;
  private readonly outcome: Promise<void>;
  private settle: (refusal: string | undefined) => void = () => {};
  /** What whoever comes now is told. */
  private refusal: string | undefined;
  private unproven = 0;

  private constructor(place: Place, server: Server, notice: (message: string) => void) {
    this.place = place;
    this.server = server;
    this.notice = notice;
    this.outcome = new Promise((resolve, reject) => {
      this.settle = (refusal) =>
        refusal === undefined ? resolve() : reject(new UserError(refusal));
    });
    this.outcome.catch(() => {});
    server.on('connection', (socket) => void this.meet(socket));
  }

  /** @throws UserError where the meeting's port cannot be had */
  static async open(place: Place, notice: (message: string) => void): Promise<Reception> {
    return new Reception(place, await listenAtMeeting(place), notice);
  }

  /**
   * The connections of all other ranks.
   * @param trouble why this process itself cannot take part; all are told
   * @throws UserError with the cause that all were told
   */
  async all(trouble: string | undefined, signal: AbortSignal): Promise<ReadonlyMap<number, Wire>> {
    const { timeoutSeconds } = this.place;
    const late = () => void this.giveUp(missing(this.place, new Set(this.seats.keys())), FLUSH);
    const timer = setTimeout(late, 1000 * timeoutSeconds);
    const stop = () => void this.giveUp(String(signal.reason), FLUSH);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    const watch = keepAlive(
      () => this.seats.values(),
      timeoutSeconds,
      (wire) => this.leave(wire, silentFor(timeoutSeconds)),
    );
    if (trouble !== undefined) void this.giveUp(trouble);
    try {
      await this.outcome;
      return this.seats;
    } finally {
      watch.stop();
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  private async meet(socket: Socket): Promise<void> {
    if (this.unproven >= UNPROVEN) {
      socket.destroy();
      return;
    }
    this.unproven++;
    const wire = new Wire(socket);
    const slow = setTimeout(() => socket.destroy(), 1000 * handshakeSeconds(this.place));
    try {
      this.seat(wire, await letIn(wire, this.place));
    } catch (cause) {
      const from = wire.remote;
      wire.destroy();
      this.refuseStranger(cause, from);
    } finally {
      clearTimeout(slow);
      this.unproven--;
    }
  }

  private refuseStranger(cause: unknown, from: string): void {
    const { meeting } = this.place;
    if (cause instanceof SecretsDiffer && this.refusal === undefined) {
      this.told++;
      void this.giveUp(secretsDiffer(this.place, cause.rank));
      return;
    }
    // One that only looks whether the port is open is no news.
    if (cause instanceof Gone && cause.kind === 'closed') return;
    this.notice(
      `${meeting}: something at ${from} that is no process of this run wanted to take part and was sent away`,
    );
  }

  private seat(wire: Wire, hello: Hello): void {
    const objected = objection(this.place, hello, new Set(this.seats.keys()));
    const refusal = this.refusal ?? objected;
    if (refusal !== undefined) {
      this.send(wire, refusal);
      if (this.refusal === undefined) void this.giveUp(refusal);
      return;
    }
    this.seats.set(hello.rank, wire);
    wire.listen({
      message: (message) => {
        if (message.kind === 'fail') this.leave(wire, message.message);
      },
      gone: ({ message }) => this.leave(wire, message),
    });
    void wire.send({ kind: 'welcome' });
    if (this.seats.size === this.place.servers.length - 1) this.complete();
  }

  private complete(): void {
    this.refusal = `the run at ${this.place.meeting} has all its processes already; end it, or choose another port for this one (PORT)`;
    for (const wire of this.seats.values()) {
      wire.listen(undefined);
      void wire.send({ kind: 'ready' });
    }
    this.settle(undefined);
  }

  /** One that was let in is lost while others are awaited. */
  private leave(wire: Wire, why: string): void {
    const [rank] = [...this.seats].find(([, one]) => one === wire) ?? [];
    if (rank === undefined) return;
    this.seats.delete(rank);
    this.told++;
    wire.destroy();
    const address = this.place.servers[rank] ?? '';
    void this.giveUp(leftEarly({ rank, address, why }));
  }

  /** Tells those that are there and those that come within `seconds`, then lets `all` throw. */
  private async giveUp(refusal: string, seconds = LINGER): Promise<void> {
    if (this.refusal !== undefined) return;
    this.refusal = refusal;
    for (const wire of this.seats.values()) this.send(wire, refusal);
    const others = this.place.servers.length - 1;
    for (let waited = 0; waited < seconds && this.told < others; waited += 0.05) await sleep(50);
    this.server.close();
    this.settle(refusal);
  }

  /** The other side closes the connection when it has heard. */
  private send(wire: Wire, refusal: string): void {
    wire.listen({ message: () => {}, gone: () => void this.told++ });
    void wire.send({ kind: 'refused', message: refusal });
    setTimeout(() => wire.destroy(), 1000 * FLUSH).unref();
  }
}
