/**
 * log, exp, sin, cos and pow in doubles from + - * / alone, which IEEE 754 rounds exactly: the same
 * bits on every machine and in every version of Node, which `Math` does not promise. Each is within
 * 1 ulp of the true value, pow within 1.5.
 *
 * Method and coefficients are those of fdlibm 5.3 (https://netlib.org/fdlibm): "Copyright (C) 1993 by
 * Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a Sun Microsystems, Inc. business.
 * Permission to use, copy, modify, and distribute this software is freely granted, provided that this
 * notice is preserved."
 */

const bits = new DataView(new ArrayBuffer(8));

function highWord(x: number): number {
  bits.setFloat64(0, x);
  return bits.getUint32(0);
}

function withHighWord(x: number, high: number): number {
  bits.setFloat64(0, x);
  bits.setUint32(0, high);
  return bits.getFloat64(0);
}

/** The leading 21 bits of the significand alone. */
function truncated(x: number): number {
  bits.setFloat64(0, x);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

// 2^k for k from -1074 to 1023, by exact doublings. A product with one of these moves an exponent
// faster than writing a word of the double, which the processor cannot forward to the next read.
const SMALLEST = -1074;
const POWERS = new Float64Array(1023 - SMALLEST + 1);
for (let i = 0, power = Number.MIN_VALUE; i < POWERS.length; i++, power *= 2) POWERS[i] = power;

function powerOfTwo(k: number): number {
  return POWERS[k - SMALLEST] ?? 0;
}

/** x 2^k; below the normal range rounded once. */
function scaled(x: number, k: number): number {
  if (k > 1023) return x * 2 * powerOfTwo(k - 1);
  if (k >= -1022) return x * powerOfTwo(k);
  return k < -1200 ? 0 : x * powerOfTwo(k + 200) * powerOfTwo(-200);
}

const LN2_HIGH = 0.6931471803691238;
const MIN_NORMAL = powerOfTwo(-1022);
const LN2_LOW = 1.9082149292705877e-10;

/** Natural logarithm. log(0) = -Infinity; NaN below 0. */
export function log(value: number): number {
  if (value < MIN_NORMAL) {
    if (value <= 0) return value === 0 ? -Infinity : Number.NaN;
    return log(value * powerOfTwo(54)) - 54 * LN2_HIGH - 54 * LN2_LOW;
  }
  if (!(value < Infinity)) return value;
  const high = highWord(value);
  const k = ((high + 0x95f64) >> 20) - 1023;
  const f = value * powerOfTwo(-k) - 1; // in [sqrt(1/2), sqrt(2)) - 1
  const significand = high & 0xfffff;
  if (f === 0) return k * LN2_HIGH + k * LN2_LOW;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const odd =
    z *
    (0.6666666666666735 +
      w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const r = odd + even;
  if (((significand - 0x6147a) | (0x6b851 - significand)) > 0) {
    const half = 0.5 * f * f;
    return k * LN2_HIGH - (half - (s * (half + r) + k * LN2_LOW) - f);
  }
  return k * LN2_HIGH - (s * (f - r) - k * LN2_LOW - f);
}

/** exp(t) - 1 over t as fdlibm has it: t (2 - c) / ... with c = t - t^2 P(t^2), |t| <= 0.35. */
function remez(t: number): number {
  const z = t * t;
  return (
    t -
    z *
      (0.16666666666666602 +
        z *
          (-0.0027777777777015593 +
            z * (6.613756321437934e-5 + z * (-1.6533902205465252e-6 + z * 4.1381367970572385e-8))))
  );
}

/** e to the power of x. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019411) return 0;
  const k = Math.floor(Math.LOG2E * x + 0.5);
  const high = x - k * LN2_HIGH;
  const low = k * LN2_LOW;
  const t = high - low;
  const c = remez(t);
  return scaled(1 - (low - (t * c) / (2 - c) - high), k);
}

/** sin(x + tail) for |x| <= pi/4. */
function sinKernel(x: number, tail: number): number {
  const z = x * x;
  const v = z * x;
  const r =
    0.00833333333332249 +
    z *
      (-0.0001984126982985795 +
        z * (2.7557313707070068e-6 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10)));
  return x - (z * (0.5 * tail - v * r) - tail + v * 0.16666666666666632);
}

/** cos(x + tail) for |x| <= pi/4. */
function cosKernel(x: number, tail: number): number {
  const z = x * x;
  const w = z * z;
  const r =
    z * (0.0416666666666666 + z * (-0.001388888888887411 + z * 2.480158728947673e-5)) +
    w * w * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 + z * -1.1359647557788195e-11));
  const half = 0.5 * z;
  const rest = 1 - half;
  return rest + (1 - rest - half + (z * r - x * tail));
}

interface Reduced {
  readonly quadrant: number;
  readonly x: number;
  readonly tail: number;
}

// pi/2 in pieces of 33 bits, each with the rest that follows it.
const HALF_PI = [
  [1.5707963267341256, 6.077100506506192e-11],
  [6.077100506303966e-11, 2.0222662487959506e-21],
  [2.0222662487111665e-21, 8.4784276603689e-32],
] as const;

/** x minus a multiple of pi/2, in two doubles; exact products need |x| < 2^20. */
function reduced(x: number): Reduced {
  if (Math.abs(x) > 1_000_000) throw new RangeError(`angle ${x}: expected at most 1e6 in size`);
  const n = Math.floor(x * 0.6366197723675814 + 0.5);
  if (n === 0) return { quadrant: 0, x, tail: 0 };
  let rest = x;
  let correction = 0;
  let y = x;
  for (const [index, [piece, following]] of HALF_PI.entries()) {
    const before = rest;
    rest = before - n * piece;
    correction = n * following - (index === 0 ? 0 : before - rest - n * piece);
    y = rest - correction;
    if (Math.abs(y) > Math.abs(x) * (index === 0 ? 2 ** -16 : 2 ** -49)) break; // no cancellation
  }
  return { quadrant: n & 3, x: y, tail: rest - y - correction };
}

/** Sine of an angle in radians. @throws RangeError beyond 1e6. */
export function sin(angle: number): number {
  const { quadrant, x, tail } = reduced(angle);
  const size = quadrant & 1 ? cosKernel(x, tail) : sinKernel(x, tail);
  return quadrant & 2 ? -size : size;
}

/** Cosine of an angle in radians. @throws RangeError beyond 1e6. */
export function cos(angle: number): number {
  const { quadrant, x, tail } = reduced(angle);
  const size = quadrant & 1 ? sinKernel(x, tail) : cosKernel(x, tail);
  return quadrant === 1 || quadrant === 2 ? -size : size;
}

const LOG2_CP = 0.9617966939259756; // 2 / (3 ln 2)
const LOG2_CP_HIGH = 0.9617967009544373;
const LOG2_CP_LOW = -7.028461650952758e-9;

/** log2(x) of a positive finite x in two doubles, the first of at most 32 bits. */
function log2Parts(value: number): readonly [number, number] {
  let x = value;
  let n = 0;
  if (x < MIN_NORMAL) {
    x *= powerOfTwo(53);
    n = -53;
  }
  const high = highWord(x);
  const significand = high & 0xfffff;
  n += (high >> 20) - 1023;
  let top = significand | 0x3ff00000;
  const near = significand > 0x3988e && significand < 0xbb67a ? 1 : 0; // x near 1.5, else near 1
  if (significand >= 0xbb67a) {
    n += 1;
    top -= 0x100000;
  }
  const base = near ? 1.5 : 1;
  x = withHighWord(x, top);
  const u = x - base;
  const v = 1 / (x + base);
  const s = u * v;
  const sHigh = truncated(s);
  const sumHigh = withHighWord(0, ((top >> 1) | 0x20000000) + 0x80000 + (near << 18));
  const sumLow = x - (sumHigh - base);
  const sLow = v * (u - sHigh * sumHigh - sHigh * sumLow);
  const s2 = s * s;
  const r = s2 * s2 * logSeries(s2) + sLow * (sHigh + s);
  const square = sHigh * sHigh;
  const tHigh = truncated(3 + square + r);
  const tLow = r - (tHigh - 3 - square);
  const a = sHigh * tHigh;
  const b = sLow * tHigh + tLow * s;
  const pHigh = truncated(a + b);
  const pLow = b - (pHigh - a);
  const offset = near ? 0.5849624872207642 : 0; // log2(1.5) in two parts
  const zHigh = LOG2_CP_HIGH * pHigh;
  const zLow = LOG2_CP_LOW * pHigh + pLow * LOG2_CP + (near ? 1.350039202129749e-8 : 0);
  const first = truncated(zHigh + zLow + offset + n);
  return [first, zLow - (first - n - offset - zHigh)];
}

function logSeries(z: number): number {
  return (
    0.5999999999999946 +
    z *
      (0.4285714285785502 +
        z *
          (0.33333332981837743 +
            z * (0.272728123808534 + z * (0.23066074577556175 + z * 0.20697501780033842))))
  );
}

/**
 * base to the power of `exponent`.
 * @throws RangeError for a negative or infinite base or an infinite exponent.
 */
export function pow(base: number, exponent: number): number {
  if (!(base >= 0 && base < Infinity && Math.abs(exponent) < Infinity))
    throw new RangeError(`pow(${base}, ${exponent}): expected a base from 0 on and finite numbers`);
  if (exponent === 0 || base === 1) return 1;
  if (exponent === 0.5) return Math.sqrt(base);
  if (base === 0) return exponent > 0 ? 0 : Infinity;
  const [logHigh, logLow] = log2Parts(base);
  const yHigh = truncated(exponent);
  const low = (exponent - yHigh) * logHigh + exponent * logLow;
  const high = yHigh * logHigh;
  const total = low + high;
  if (total >= 1024) return Infinity;
  if (total < -1075) return 0;
  const k = Math.abs(total) <= 0.5 ? 0 : Math.floor(total + 0.5);
  const rest = high - k;
  const t = truncated(low + rest);
  const u = t * 0.6931471824645996;
  const v = (low - (t - rest)) * Math.LN2 + t * -1.904654299957768e-9;
  const z = u + v;
  const w = v - (z - u);
  const c = remez(z);
  return scaled(1 - ((z * c) / (c - 2) - (w + z * w) - z), k);
}
