import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whole runs are in these folders: begun first, none of them is left alone at the end. */
const LONGEST_FIRST = ['/golden/', '/scripts/', '/methods/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST_FIRST.findIndex((folder) => moduleId.includes(folder));
      return place < 0 ? LONGEST_FIRST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

// What takes longer is in the slow suite, which CI runs too, and in the long one: see docs/decisions.md.
//
// Two forks fit two cores. Files of a fork share its modules, so that libtensorflow is loaded and TypeScript is
// translated once a fork, not once a file; what a process holds for good is tested in processes of its own.
export default defineConfig({
  test: {
    include: ['{docs,harness,methods,benchmarks,reports,golden,tools,scripts}/**/*.test.ts'],
    exclude: ['**/*.{slow,long}.test.ts', '**/node_modules/**'],
    globalSetup: 'harness/testing/provision.ts',
    sequence: { sequencer: LongestFirst },
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
