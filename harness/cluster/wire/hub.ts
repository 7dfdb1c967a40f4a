import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from '../failure.ts';
import type { Place } from '../place.ts';
import { keepAlive, silentFor, type Watch } from './heartbeat.ts';
import type { Message } from './messages.ts';
import type { Member, Order, Tell } from './orders.ts';
import { ranksText } from './ranks.ts';
import type { Wire } from './wire.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Given {
  readonly what: string;
  readonly bytes: Bytes;
}

const GRACE = 1; // seconds for the others to hear of a failure, before this process may end on it

/** Rank 0's part: gets what all give, sends it to all, and tells the others who is lost. */
export class Hub implements Member {
  private readonly place: Place;
  private readonly wires: ReadonlyMap<number, Wire>;
  private readonly tell: Tell;
  private readonly given = new Map<number, Given>();
  private readonly gone = new Set<number>();
  /** Ranks whose answer is awaited. */
  private readonly unanswered = new Map<number, () => void>();
  private readonly watch: Watch;
  private over = false;

  constructor(place: Place, wires: ReadonlyMap<number, Wire>, tell: Tell) {
    this.place = place;
    this.wires = wires;
    this.tell = tell;
    const { timeoutSeconds } = place;
    this.watch = keepAlive(
      () => this.present().values(),
      timeoutSeconds,
      (wire) => {
        const [rank = 0] = [...wires].find(([, one]) => one === wire) ?? [];
        this.lose(rank, silentFor(timeoutSeconds));
      },
    );
    for (const [rank, wire] of wires)
      wire.listen({
        message: (message, bytes) => this.hear(rank, message, bytes),
        gone: ({ message }) => this.lose(rank, message),
      });
  }

  order(order: Order): void {
    if (order.kind === 'give') this.give(0, order);
    else if (order.kind === 'fail') void this.fail(order.message);
    else if (order.kind === 'end') void this.end(order.code);
  }

  private hear(rank: number, message: Message, bytes: Bytes): void {
    if (message.kind === 'give') this.give(rank, { what: message.what, bytes });
    else if (message.kind === 'stop') this.tell({ kind: 'stop' });
    else if (message.kind === 'heard') this.unanswered.get(rank)?.();
    else if (message.kind === 'fail') {
      void this.wires.get(rank)?.send({ kind: 'heard' });
      this.lose(rank, message.message);
    } else if (message.kind !== 'beat') this.lose(rank, `it sent "${message.kind}" out of turn`);
  }

  private give(rank: number, given: Given): void {
    this.given.set(rank, given);
    if (this.given.size < this.place.servers.length) return;
    const all = [...this.given].sort(([a], [b]) => a - b).map(([, one]) => one);
    this.given.clear();
    if (new Set(all.map(({ what }) => what)).size > 1) this.differ(all.map(({ what }) => what));
    else void this.spread(all.map((one) => one.bytes));
  }

  // The own process gets them last: from then on they are its own, to change as it likes.
  private async spread(parts: readonly Bytes[]): Promise<void> {
    const sent = [...this.present()].map(([rank, wire]) =>
      Promise.all(
        parts.flatMap((part, from) =>
          from === rank ? [] : [wire.send({ kind: 'part', from }, part)],
        ),
      ),
    );
    await Promise.all(sent);
    this.tell({ kind: 'parts', parts });
  }

  private differ(whats: readonly string[]): void {
    const calls = [...new Set(whats)].map((what) => {
      const ranks = whats.flatMap((one, rank) => (one === what ? [rank] : []));
      return `${ranksText(ranks)} at ${what}`;
    });
    const message = `the processes of the run part: ${calls.join(', ')}; all must come to the same calls in the same order`;
    for (const wire of this.present().values()) void wire.send({ kind: 'differ', message });
    this.tell({ kind: 'differ', message });
  }

  private lose(rank: number, why: string): void {
    this.gone.add(rank);
    this.unanswered.get(rank)?.();
    if (this.over) return;
    this.over = true;
    const failure = this.watch.overslept()
      ? this.failureOf(0, silentFor(this.place.timeoutSeconds))
      : this.failureOf(rank, why);
    // One that was only stopped hears it when it goes on.
    void this.wires.get(rank)?.send({ kind: 'lost', ...failure });
    void this.announce({ kind: 'lost', ...failure }).then(() =>
      this.tell({ kind: 'failure', failure }),
    );
  }

  private async fail(message: string): Promise<void> {
    if (!this.over) {
      this.over = true;
      await this.announce({ kind: 'lost', ...this.failureOf(0, message) });
    }
    this.tell({ kind: 'done' });
  }

  private async end(code: number): Promise<void> {
    if (!this.over) {
      this.over = true;
      await this.announce({ kind: 'end', code }, this.place.timeoutSeconds);
    }
    this.tell({ kind: 'done' });
  }

  /** Tells all that are left, and awaits that they heard it or are gone; after `seconds` they are not awaited. */
  private async announce(message: Message, seconds = GRACE): Promise<void> {
    const answers = [...this.present()].map(([rank, wire]) => {
      void wire.send(message);
      return new Promise<void>((resolve) => this.unanswered.set(rank, resolve));
    });
    await Promise.race([Promise.all(answers), sleep(1000 * seconds)]);
    this.watch.stop();
  }

  private present(): Map<number, Wire> {
    return new Map([...this.wires].filter(([rank]) => !this.gone.has(rank)));
  }

  private failureOf(rank: number, why: string): Failure & { readonly rank: number } {
    return { rank, address: this.place.servers[rank] ?? '', why };
  }
}
