import { defineConfig } from 'vitest/config';

/** All that is not in the quick suite: `npm run test:long`. One worker, so that timings and memory stay readable. */
export default defineConfig({
  test: {
    include: ['{harness,methods,benchmarks,reports,golden,tools,scripts}/**/*.{slow,long}.test.ts'],
    globalSetup: 'harness/testing/provision.ts',
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
  },
});
