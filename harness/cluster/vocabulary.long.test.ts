import { holdWords } from './vocabulary.processes.ts';

holdWords([4, 6, 8, 12]);
