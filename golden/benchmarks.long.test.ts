import { test } from 'vitest';
import { holdKind, LONG } from './drawn_benchmark.ts';

test.each(LONG)('%s on drawn images ends as its golden says', holdKind);
