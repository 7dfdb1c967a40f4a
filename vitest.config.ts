import { defineConfig } from 'vitest/config';

// Every worker that traces or runs a graph loads libtensorflow once; two forks fit two cores.
export default defineConfig({
  test: {
    include: ['{harness,methods,benchmarks,reports,golden,scripts}/**/*.test.ts'],
    exclude: ['**/*.long.test.ts', '**/node_modules/**'],
    globalSetup: 'harness/testing/provision.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
