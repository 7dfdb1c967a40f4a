import { holdWords } from './vocabulary.processes.ts';

holdWords([1, 2]);
