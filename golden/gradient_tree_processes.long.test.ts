import { holdGradients } from './gradient_tree.processes.ts';

holdGradients(
  [1, 2, 4, 8],
  [
    { replicas: 8, precision: 'fp32' },
    { replicas: 8, precision: 'bf16' },
  ],
);
holdGradients([3, 12], [{ replicas: 12, precision: 'bf16' }]);
