import { holdWords } from './vocabulary.processes.ts';

// More processes are in vocabulary.long.test.ts: each takes seconds to start.
holdWords([1, 2, 3]);
