import { shownName } from './file_names.ts';

const SHOWN = 5;

/** What a folder has and a source leaves out, by reason. */
export class LeftOut {
  private readonly byReason = new Map<string, { count: number; readonly shown: string[] }>();

  add(reason: string, name: string): void {
    const one = this.byReason.get(reason) ?? { count: 0, shown: [] };
    this.byReason.set(reason, one);
    one.count++;
    if (one.shown.length < SHOWN) one.shown.push(shownName(name));
  }

  /** A line for each reason: how many, and the first of them. */
  notes(): string[] {
    return [...this.byReason].map(([reason, { count, shown }]) => {
      const more = count > SHOWN ? ', …' : '';
      return `${count} left out as ${reason}: ${shown.join(', ')}${more}`;
    });
  }
}
