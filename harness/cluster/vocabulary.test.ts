import { holdWords } from './vocabulary.processes.ts';

// Other counts are in vocabulary.slow.test.ts and vocabulary.long.test.ts: each process takes seconds to start.
holdWords([3]);
