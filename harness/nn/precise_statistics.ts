/** The statistics of one norm over one batch. */
export interface BatchStatistics {
  readonly mean: Float32Array;
  /** Unbiased, as norms keep it. */
  readonly variance: Float32Array;
  /** Values of a channel that it was taken over by this process: images times rows times columns. */
  readonly positions: number;
}

export interface Statistics {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/**
 * `pooled`: those of all values of all batches together, the variance biased: fvcore since May 2021. `meanOfBatches`: plain
 * means over batches, of the mean and of the unbiased variance: fvcore 0.1.2 and 0.1.3, what was current when
 * the published detectors were trained (docs/reference/detection.md, section 13).
 */
export type PreciseKind = 'pooled' | 'meanOfBatches';

/** Sums over batches in double, in the order in which they come. */
export class PreciseStatistics {
  private readonly mean: Float64Array;
  private readonly square: Float64Array;
  private readonly kind: PreciseKind;
  private weight = 0;

  constructor(channels: number, kind: PreciseKind) {
    this.mean = new Float64Array(channels);
    this.square = new Float64Array(channels);
    this.kind = kind;
  }

  add({ mean, variance, positions }: BatchStatistics): void {
    const pooled = this.kind === 'pooled';
    const share = pooled ? positions : 1;
    const biasing = (positions - 1) / positions;
    this.weight += share;
    for (let c = 0; c < this.mean.length; c++) {
      const [m, v] = [mean[c] ?? 0, variance[c] ?? 0];
      this.mean[c] = (this.mean[c] ?? 0) + share * m;
      this.square[c] = (this.square[c] ?? 0) + (pooled ? share * (v * biasing + m * m) : v);
    }
  }

  /** @throws when nothing was added */
  result(): Statistics {
    if (this.weight === 0) throw new Error('precise batch norm: no batch was seen');
    const mean = this.mean.map((sum) => sum / this.weight);
    const variance = this.square.map((sum, c) => {
      const average = sum / this.weight;
      return this.kind === 'pooled' ? Math.max(0, average - (mean[c] ?? 0) ** 2) : average;
    });
    return { mean: Float32Array.from(mean), variance: Float32Array.from(variance) };
  }
}
