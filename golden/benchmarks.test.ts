import { test } from 'vitest';
import { holdKind, QUICK } from './drawn_benchmark.ts';

// Others: benchmarks.slow.test.ts and benchmarks.long.test.ts; a smaller detector: detector.test.ts.
test.each(QUICK)('%s on drawn images ends as its golden says', holdKind);
