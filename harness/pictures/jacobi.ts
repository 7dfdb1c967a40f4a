/** Sweeps over all pairs; a matrix of 8 is done in 5. */
const SWEEPS = 12;

/**
 * Eigenvectors of a small symmetric matrix, those of the largest values first, by Jacobi's rotations
 * (Golub & Van Loan, Matrix Computations, 8.5). A fixed order of plain sums and roots.
 * @param matrix n rows of n
 */
export function eigenvectors(matrix: readonly Float64Array[]): Float64Array[] {
  const n = matrix.length;
  const a = matrix.map((row) => row.slice());
  const vectors = a.map((_, i) => new Float64Array(n).fill(1, i, i + 1));
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, p, q);
  const value = (i: number) => a[i]?.[i] ?? 0;
  const order = vectors.map((_, i) => i).sort((i, j) => value(j) - value(i) || i - j);
  return order.flatMap((i) => vectors[i] ?? []);
}

/** Turns two axes so that the matrix has 0 between them. Vectors are rows. */
function rotate(a: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const [ap, aq] = [a[p], a[q]];
  const between = ap?.[q] ?? 0;
  if (ap === undefined || aq === undefined || between === 0) return;
  const theta = ((aq[q] ?? 0) - (ap[p] ?? 0)) / (2 * between);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (const row of a) turn(row, p, row, q, c, s);
  for (let j = 0; j < ap.length; j++) turn(ap, j, aq, j, c, s);
  const [vp, vq] = [vectors[p], vectors[q]];
  if (vp === undefined || vq === undefined) return;
  for (let j = 0; j < vp.length; j++) turn(vp, j, vq, j, c, s);
}

function turn(x: Float64Array, i: number, y: Float64Array, j: number, c: number, s: number): void {
  const [left, right] = [x[i] ?? 0, y[j] ?? 0];
  x[i] = c * left - s * right;
  y[j] = s * left + c * right;
}
