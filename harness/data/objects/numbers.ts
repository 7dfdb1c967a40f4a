/** Doubles in a column that grows; rows of any length, each in one piece of memory. */
export class NumberRows {
  private readonly pieces: Float64Array[] = [];
  private used = 0;
  private ends = new Float64Array(1024);
  private count = 0;

  /** How many rows there are. */
  get length(): number {
    return this.count;
  }

  push(row: readonly number[]): void {
    const last = this.pieces.at(-1);
    if (last === undefined || this.used + row.length > last.length) {
      this.pieces.push(new Float64Array(Math.max(PIECE, row.length)));
      this.used = 0;
    }
    this.pieces.at(-1)?.set(row, this.used);
    this.used += row.length;
    if (2 * this.count + 2 > this.ends.length) {
      const longer = new Float64Array(2 * this.ends.length);
      longer.set(this.ends);
      this.ends = longer;
    }
    // A piece and an end in it, as one number, would be exact too; two are plainer.
    this.ends[2 * this.count] = this.pieces.length - 1;
    this.ends[2 * this.count + 1] = this.used;
    this.count++;
  }

  /** A view of a row. */
  row(index: number): Float64Array {
    if (!(index >= 0 && index < this.count)) throw new RangeError(`no row ${index}`);
    const place = this.ends[2 * index] ?? 0;
    const same = index > 0 && this.ends[2 * index - 2] === place;
    const from = same ? (this.ends[2 * index - 1] ?? 0) : 0;
    return (this.pieces[place] ?? new Float64Array()).subarray(from, this.ends[2 * index + 1]);
  }
}

const PIECE = 1 << 16; // doubles, half a MiB
