// Cases that harness/optim/parity.test.ts runs as well.
export { optimizerCases } from '../../harness/testing/parity/optimizers.ts';
