import { test } from 'vitest';
import { benchmarks } from '../benchmarks/index.ts';
import { holdKind, LONG, QUICK } from './drawn_benchmark.ts';

const kinds = Object.keys(benchmarks).filter((kind) => ![...QUICK, ...LONG].includes(kind));

test.each(kinds)('%s on drawn images ends as its golden says', holdKind);
