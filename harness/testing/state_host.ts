import type { Host } from '../experiment/host.ts';
import { stream } from '../random/stream.ts';
import type { Learner } from '../step/learner.ts';

/** A run's state as a method's work after steps sees it, without a run around it: no images. */
export function stateHost({ program }: Learner, seed = 0): Host {
  const quiet = () => undefined;
  return {
    seed,
    samples: 0,
    threads: 0,
    stream: (...purpose) => stream(seed, 'host', ...purpose),
    read: (names) => program.readStates(names),
    write: (values) => program.writeStates(values),
    run: (entry, inputs = {}) => program.run(entry, inputs),
    features: () => {
      throw new Error('state host: there are no images');
    },
    log: { info: quiet, warn: quiet },
  };
}
