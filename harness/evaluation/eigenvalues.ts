import { breath } from '../base/breath.ts';

/**
 * Eigenvalues of a symmetric matrix, float64 [n, n] row-major, in no order: Householder's reduction to a
 * tridiagonal matrix, then QL with implicit shifts (Golub & Van Loan, Matrix Computations, 8.3). Additions,
 * multiplications, divisions and roots in a fixed order, so the bits are the same on every machine.
 * @param matrix is used up
 * @param signal ends it, which throws its reason then
 */
export async function symmetricEigenvalues(
  matrix: Float64Array,
  n: number,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const off = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    if (k % COLUMNS === 0) await breath(signal);
    off[k] = reflect(matrix, n, k);
  }
  if (n > 1) off[n - 2] = matrix[(n - 1) * n + n - 2] ?? 0;
  const diagonal = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i] ?? 0);
  for (let first = 0; first < n; first++) settle(diagonal, off, first);
  return diagonal;
}

const COLUMNS = 16; // between two breaths: of 2048, a quarter of a second

/** Clears column k below its subdiagonal, and gives what is then on the subdiagonal. */
function reflect(a: Float64Array, n: number, k: number): number {
  const from = k + 1;
  const v = new Float64Array(n);
  let squares = 0;
  for (let i = from; i < n; i++) {
    const x = a[i * n + k] ?? 0;
    v[i] = x;
    squares += x * x;
  }
  const head = v[from] ?? 0;
  if (squares === head * head) return head; // nothing to clear
  const alpha = head > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
  v[from] = head - alpha;
  const beta = 1 / (squares - head * alpha); // 2 / v'v
  const w = new Float64Array(n);
  let along = 0;
  for (let i = from; i < n; i++) {
    let sum = 0;
    for (let j = from; j < n; j++) sum += (a[i * n + j] ?? 0) * (v[j] ?? 0);
    w[i] = beta * sum;
    along += beta * sum * (v[i] ?? 0);
  }
  const half = (beta * along) / 2;
  for (let i = from; i < n; i++) w[i] = (w[i] ?? 0) - half * (v[i] ?? 0);
  for (let i = from; i < n; i++) {
    const [vi, wi] = [v[i] ?? 0, w[i] ?? 0];
    for (let j = from; j < n; j++)
      a[i * n + j] = (a[i * n + j] ?? 0) - (vi * (w[j] ?? 0) + wi * (v[j] ?? 0));
  }
  return alpha;
}

const ROUNDS = 60; // a few are enough; more means a value that is not finite

/** Rotates until the element beside `first` is negligible against its neighbours. */
function settle(d: Float64Array, e: Float64Array, first: number): void {
  for (let round = 0; ; round++) {
    const last = blockEnd(d, e, first);
    if (last === first) return;
    if (round === ROUNDS) throw new Error('eigenvalues: no convergence; is every value finite?');
    sweep(d, e, first, last);
  }
}

/**
 * The end of the block that begins at `first`: where an element beside the diagonal is negligible.
 */
function blockEnd(d: Float64Array, e: Float64Array, first: number): number {
  let m = first;
  for (; m < d.length - 1; m++) {
    const size = Math.abs(d[m] ?? 0) + Math.abs(d[m + 1] ?? 0);
    if (Math.abs(e[m] ?? 0) <= Number.EPSILON * size) break;
  }
  return m;
}

function sweep(d: Float64Array, e: Float64Array, first: number, last: number): void {
  const at = (list: Float64Array, i: number) => list[i] ?? 0;
  const ratio = (at(d, first + 1) - at(d, first)) / (2 * at(e, first));
  const root = Math.sqrt(ratio * ratio + 1);
  let g = at(d, last) - at(d, first) + at(e, first) / (ratio + (ratio < 0 ? -root : root));
  let [s, c, p] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = s * at(e, i);
    const b = c * at(e, i);
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] = at(d, i + 1) - p;
      e[last] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = at(d, i + 1) - p;
    const turn = (at(d, i) - g) * s + 2 * c * b;
    p = s * turn;
    d[i + 1] = g + p;
    g = c * turn - b;
  }
  d[first] = at(d, first) - p;
  e[first] = g;
  e[last] = 0;
}
