import { defineConfig } from 'vitest/config';
import quick from './vitest.config.ts';

/** The slow suite, `npm run test:slow`: whole runs, processes, kills, other CPUs. It runs as the quick one does. */
export default defineConfig({
  test: {
    ...quick.test,
    include: ['{docs,harness,methods,benchmarks,reports,golden,tools,scripts}/**/*.slow.test.ts'],
    exclude: ['**/node_modules/**'],
  },
});
