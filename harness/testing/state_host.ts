import type { Host, Purpose } from '../experiment/host.ts';
import { stream } from '../random/stream.ts';
import type { Learner } from '../step/learner.ts';

/**
 * A run's state as a method's work after steps sees it, without a run around it: no images.
 * @param chosen a reference's random choices, in place of those from streams
 */
export function stateHost(
  { program }: Pick<Learner, 'program'>,
  chosen?: (purpose: Purpose) => Int32Array,
): Host {
  const seed = 0;
  const quiet = () => undefined;
  return {
    seed,
    samples: 0,
    threads: 0,
    stream: (...purpose) => stream(seed, 'host', ...purpose),
    choose: (purpose, make) => chosen?.(purpose) ?? make(stream(seed, 'host', ...purpose)),
    read: (names) => program.readStates(names),
    write: (values) => program.writeStates(values),
    run: ({ name }, inputs = {}) => program.run(name, inputs),
    features: () => {
      throw new Error('state host: there are no images');
    },
    log: { info: quiet, warn: quiet },
  };
}
