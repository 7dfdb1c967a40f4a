import { holdWords } from './vocabulary.processes.ts';

holdWords([4, 6, 8, 12]);
// As on GPUs, where NCCL moves tensors.
holdWords([2, 3, 4, 8], false);
