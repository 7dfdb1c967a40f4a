import type { Batch } from '../data/loader/batch.ts';
import { type Openers, openers } from '../run/open_training.ts';

/**
 * Batches that ask for a stop when the n-th since the start of the run is about to be trained on, 0
 * for never; each of them is shown to `see` first.
 */
export function stoppingAt(
  step: number,
  controller: AbortController,
  see: (batch: Batch) => void = () => {},
): Openers {
  return {
    ...openers,
    openBatches: async (setup) => {
      const batches = await openers.openBatches(setup);
      let asked = 0;
      return {
        source: batches.source,
        stepsPerEpoch: batches.stepsPerEpoch,
        dispose: () => batches.dispose(),
        bare: (...of) => batches.bare(...of),
        async *epoch(...of) {
          for await (const batch of batches.epoch(...of)) {
            if (++asked === step) controller.abort();
            see(batch);
            yield batch;
          }
        },
      };
    },
  };
}
