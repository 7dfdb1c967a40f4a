import { holdGradients } from './gradient_tree.processes.ts';

// Three replicas a process: no branch of the tree. More counts are in the long suite.
holdGradients([2], [{ replicas: 6, precision: 'bf16' }]);
