import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from '../place.ts';
import { keepAlive, silentFor, type Watch } from './heartbeat.ts';
import type { Message } from './messages.ts';
import type { Member, Order, Report, Tell } from './orders.ts';
import type { Wire } from './wire.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const GRACE = 2; // seconds for rank 0 to hear of a failure, before this process ends on it

/** Every other rank's part: it talks with rank 0 alone. */
export class Spoke implements Member {
  private readonly place: Place;
  private readonly wire: Wire;
  private readonly tell: Tell;
  private parts = new Map<number, Bytes>();
  /** What this process gave, when the system has taken all of it. */
  private own: Promise<Bytes> | undefined;
  private readonly watch: Watch;
  private over = false;
  private heard = () => {};

  constructor(place: Place, wire: Wire, tell: Tell) {
    this.place = place;
    this.wire = wire;
    this.tell = tell;
    const { timeoutSeconds } = place;
    this.watch = keepAlive(
      () => [wire],
      timeoutSeconds,
      () => this.lose(silentFor(timeoutSeconds)),
    );
    wire.listen({
      message: (message, bytes) => this.hear(message, bytes),
      gone: ({ message }) => this.lose(message),
    });
  }

  order(order: Order): void {
    if (order.kind === 'give') {
      const { what, bytes } = order;
      this.own = this.wire.send({ kind: 'give', what }, bytes).then(() => bytes);
    } else if (order.kind === 'stop') void this.wire.send({ kind: 'stop' });
    else if (order.kind === 'fail') void this.fail(order.message);
  }

  private hear(message: Message, bytes: Bytes): void {
    if (message.kind === 'part') void this.take(message.from, bytes);
    else if (message.kind === 'differ') this.tell(message);
    else if (message.kind === 'heard') this.heard();
    else if (message.kind === 'end') void this.finish({ kind: 'ended', code: message.code });
    else if (message.kind === 'lost') {
      const { rank, address, why } = message;
      void this.finish({ kind: 'failure', failure: { rank, address, why } });
    } else if (message.kind !== 'beat') this.lose(`it sent "${message.kind}" out of turn`);
  }

  private async take(from: number, bytes: Bytes): Promise<void> {
    const { servers, rank } = this.place;
    this.parts.set(from, bytes);
    if (this.parts.size < servers.length - 1 || this.own === undefined) return;
    const parts = this.parts.set(rank, await this.own);
    this.parts = new Map();
    this.own = undefined;
    this.tell({ kind: 'parts', parts: servers.map((_, r) => parts.get(r) ?? new Uint8Array(0)) });
  }

  /** The last that rank 0 has to say. */
  private async finish(report: Report): Promise<void> {
    if (this.over) return;
    this.over = true;
    this.watch.stop();
    await Promise.race([this.wire.send({ kind: 'heard' }), sleep(1000 * GRACE)]);
    this.tell(report);
  }

  private lose(why: string): void {
    this.heard();
    if (this.over) return;
    this.over = true;
    this.watch.stop();
    const { servers, rank, timeoutSeconds } = this.place;
    const lost = this.watch.overslept()
      ? { rank, why: silentFor(timeoutSeconds) }
      : { rank: 0, why };
    const failure = { ...lost, address: servers[lost.rank] ?? '' };
    this.tell({ kind: 'failure', failure });
  }

  private async fail(message: string): Promise<void> {
    if (!this.over) {
      this.over = true;
      const answer = new Promise<void>((resolve) => {
        this.heard = resolve;
      });
      void this.wire.send({ kind: 'fail', message });
      await Promise.race([answer, sleep(1000 * GRACE)]);
    }
    this.watch.stop();
    this.tell({ kind: 'done' });
  }
}
