/**
 * P(T <= t) of Student's distribution with a whole number of degrees of freedom: the finite sums of
 * Abramowitz and Stegun, 26.7.3 and 26.7.4.
 */
function cumulative(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2 === 1;
  let term = odd ? cos : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= (cos * cos * (k - 1)) / k;
    sum += term;
  }
  const both = odd ? (2 / Math.PI) * (angle + sin * sum) : sin * sum; // P(|T| <= t), signed
  return (1 + both) / 2;
}

/**
 * The t that Student's distribution stays below with probability `p`, 0.5 <= p < 1; by bisection,
 * to the last bits of a double.
 * @example studentQuantile(0.975, 5) // 2.5706
 */
export function studentQuantile(p: number, freedom: number): number {
  if (!(p >= 0.5 && p < 1) || !Number.isInteger(freedom) || freedom < 1)
    throw new Error(`student: no quantile ${p} for ${freedom} degrees of freedom`);
  let high = 1;
  while (cumulative(high, freedom) < p) high *= 2;
  let low = 0;
  for (let middle = high / 2; low < middle && middle < high; middle = (low + high) / 2) {
    if (cumulative(middle, freedom) < p) low = middle;
    else high = middle;
  }
  return high;
}
